//! dev
#[path = "it/server.rs"]
mod server;
