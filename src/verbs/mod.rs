//! The verbs and their handles: rules, holds, held flows, deliveries.

mod answer;
mod applied;
mod change;
mod context;
mod declare;
mod delivery;
mod ends;
mod held;
mod hold;
mod parts;
mod progress;
mod replay;
mod replays;
mod rule;
mod watch;

pub use answer::{File, IntoAnswer, IntoBody, IntoStatus, dir, file};
pub use applied::Applied;
pub use change::HostHeader;
pub(crate) use context::RuleContext;
pub use declare::Verbs;
pub use delivery::Delivery;
pub use ends::Ends;
pub use held::Held;
pub use hold::Hold;
pub use parts::IntoPart;
pub use replay::Replay;
pub(crate) use replays::Replays;
pub use rule::Rule;
pub use watch::Watch;

use crate::proxy::Gate;
use crate::report::ReportContext;
use std::time::Duration;

/// The default timeout of every wait.
const PATIENCE: Duration = Duration::from_secs(5);

/// The state that a failure report shows.
pub(crate) fn report_context(gate: &Gate) -> ReportContext<'_> {
    ReportContext { journal: &gate.journal, parked: gate.parked() }
}
