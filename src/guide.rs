//! The examples of the guide compile, and those that need no browser run.

#[cfg(doctest)]
#[doc = include_str!("../docs/src/first-test.md")]
struct FirstTest;

#[cfg(doctest)]
#[doc = include_str!("../docs/src/holding.md")]
struct Holding;

#[cfg(doctest)]
#[doc = include_str!("../docs/src/exploring.md")]
struct Exploring;

#[cfg(doctest)]
#[doc = include_str!("../docs/src/hotfix.md")]
struct Hotfix;

#[cfg(doctest)]
#[doc = include_str!("../docs/src/streams.md")]
struct Streams;

#[cfg(doctest)]
#[doc = include_str!("../docs/src/recordings.md")]
struct Recordings;

#[cfg(doctest)]
#[doc = include_str!("../docs/src/console.md")]
struct HoldCallsByHand;

#[cfg(doctest)]
#[doc = include_str!("../docs/src/clients.md")]
struct Clients;

#[cfg(doctest)]
#[doc = include_str!("../docs/src/ci.md")]
struct ContinuousIntegration;

#[cfg(doctest)]
#[doc = include_str!("../docs/src/remote.md")]
struct RemoteBrowsers;

#[cfg(doctest)]
#[doc = include_str!("../docs/src/troubleshooting.md")]
struct Troubleshooting;
