//! `cargo run --manifest-path host-std/examples/service/Cargo.toml -- 127.0.0.1:8080`

use std::error::Error;

use subvm_core::Params;
use subvm_pool::Pool;
use subvm_service::{Service, metrics};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".into());
    let pool = Pool::builder().at_once(64).queued(1024).build()?;
    let (figures, params) = (metrics()?, Params::default());
    // Operators compare it, here or among the figures.
    println!("params {}: every node of the chain has the same", subvm_observe::params(&params));
    let service = Service::new(pool, params, figures);
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("listening on {address}");
    let ends = async {
        // Without the signal it never ends by itself.
        let _ = tokio::signal::ctrl_c().await;
    };
    axum::serve(listener, service.router()).with_graceful_shutdown(ends).await?;
    // The last clone of the service goes here, and its pool with it: runs that nobody waits for are called off.
    Ok(())
}
