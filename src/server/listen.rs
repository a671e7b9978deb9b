//! Connections: taking them, limiting them, and ending them gracefully.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_io_timeout::TimeoutStream;
use tracing::{error, info};

use super::{Server, Settings};

/// A server that clients can connect to, and that answers once it [runs](Bound::run).
#[derive(Debug)]
pub struct Bound {
    listener: TcpListener,
    address: SocketAddr,
    server: Server,
}

impl Server {
    /// Takes an address, `HOST:PORT`; port 0 takes one that is free.
    ///
    /// # Errors
    /// That the address is none, is taken, or is nobody's to take.
    pub async fn bind(self, address: &str) -> io::Result<Bound> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Bound { listener, address, server: self })
    }
}

impl Bound {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests until `until` is ready; then takes nothing new, finishes what runs, and is ready itself. That takes no
    /// longer than the [settings](Settings) give a request to arrive and to be answered.
    pub async fn run(self, until: impl Future<Output = ()>) {
        let Bound { listener, server, .. } = self;
        let settings = server.app.settings.clone();
        let (router, running) = (server.router(), GracefulShutdown::new());
        let connections = Arc::new(Semaphore::new(settings.connections));
        let mut until = pin!(until);
        loop {
            let accepted = async {
                let turn = connections.clone().acquire_owned().await;
                (listener.accept().await, turn)
            };
            let (accepted, turn) = tokio::select! {
                () = &mut until => break,
                accepted = accepted => accepted,
            };
            match accepted {
                Ok((stream, _)) => {
                    let answered = running.watch(connection(stream, &router, &settings));
                    tokio::spawn(async move {
                        // How a client broke its connection is its own matter.
                        let _ = answered.await;
                        drop(turn);
                    });
                }
                // Out of files, say: connections that end give some back.
                Err(error) => {
                    error!(%error, "cannot take a connection");
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
        drop(listener);
        info!("finishing what runs");
        if timeout(settings.arrival + settings.answer, running.shutdown()).await.is_err() {
            error!("some clients did not take their answers");
        }
    }
}

type Connection = http1::Connection<TokioIo<Pin<Box<TimeoutStream<TcpStream>>>>, TowerToHyperService<Router>>;

fn connection(stream: TcpStream, router: &Router, settings: &Settings) -> Connection {
    // Answers are written whole: waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let mut stream = TimeoutStream::new(stream);
    // A client that does not take its answers must not keep its connection from others.
    stream.set_write_timeout(Some(settings.answer));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(settings.arrival);
    // Above our own limit, which is answered as the API answers, and within what hyper takes.
    http.max_buf_size((4 * settings.head_bytes).max(MOST_HEAD));
    http.serve_connection(TokioIo::new(Box::pin(stream)), TowerToHyperService::new(router.clone()))
}

/// The least that hyper may be told to read a head into, with room.
const MOST_HEAD: usize = 64 << 10;
