//! The web, for non-deterministic mode: `WebRequest` over HTTP and TLS, `WebRender` through a browser.
//!
//! A guest chooses the address, so that what a node can reach is what its guests can reach: [`Rules`] say which schemes, hosts, ports,
//! methods and headers are allowed, and addresses that are not public, or denied, are refused. A name is resolved once for each connection; the
//! addresses that were checked are those that are connected to (`docs/RATIONALE.md#web`).
//!
//! # Error codes
//! What a guest sees as `{"error": code}`:
//!
//! | code | when |
//! |---|---|
//! | `bad_request` | the address, the method or a header is malformed, or a body comes with a method that takes none |
//! | `forbidden` | the rules refuse the scheme, host, port, method or header, or the host has an address that is not public, or denied; or a redirect leads to what is refused, or carries a user |
//! | `unresolved` | the name has no address |
//! | `unreachable` | no connection, or it broke |
//! | `tls` | the server's certificate, or its TLS, is wrong |
//! | `protocol` | the server does not speak HTTP, or lies about a length |
//! | `timeout` | it took too long |
//! | `too_large` | the answer, or its head, exceeds the limit |
//! | `redirects` | it was redirected too often |
//! | `render` | the browser could not show the page |

mod client;
mod host;
mod network;
#[cfg(feature = "render")]
mod render;
mod resolver;
mod rules;

pub use client::{Limits, WebClient};
pub use host::{HostPattern, HostPatternError};
pub use network::{Network, NetworkError, is_public};
#[cfg(feature = "render")]
pub use render::{RenderOptions, WebRenderer};
pub use rules::Rules;
