//! The types of one request and what results from it. Pure data; nothing here waits.

mod advice;
mod build;
pub(crate) mod coding;
mod exchange;
mod fault;
mod head;
mod id;
mod part;
mod place;
mod stage;
mod stage_name;
mod target;
pub(crate) mod text;

pub(crate) use advice::Advice;
pub use advice::speak_in_options;
pub use exchange::{Exchange, Outcome};
pub use fault::{Fault, FaultStage};
pub(crate) use head::Content;
pub use head::{Request, Response};
pub use id::FlowId;
pub(crate) use id::RuleId;
pub use part::{Chunk, Direction, Message, Opcode, Part, ServerEvent};
pub use place::Place;
pub use stage::{Stage, Whole};
pub(crate) use stage_name::StageName;
pub use target::Target;
