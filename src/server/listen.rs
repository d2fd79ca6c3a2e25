//! Binds sockets and runs pingora's accept loop on them, inside our own runtime.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::IntoRawFd;
use std::sync::Arc;

use parking_lot::Mutex;
use pingora::listeners::ListenerConfig;
use pingora::protocols::l4::stream::L4BufferSettings;
use pingora::server::Fds;
use pingora::services::Service as _;
use pingora::services::listening::Service;
use tokio::sync::watch;

use crate::proxy::{Front, Gateway};

/// Binds `address`; pingora would retry for half a minute and then panic.
pub(super) fn bind(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let domain = if address.is_ipv4() { socket2::Domain::IPV4 } else { socket2::Domain::IPV6 };
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    let listener: TcpListener = socket.into();
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// Accepts on `listener` until `shutdown` says so.
pub(super) fn accept(
    gateway: &Arc<Gateway>,
    index: usize,
    (listener, bound): (TcpListener, SocketAddr),
    shutdown: &watch::Sender<bool>,
) {
    let front = Front::new(Arc::clone(gateway), index);
    let mut service = Service::new(format!("listener {bound}"), front);
    // The lane and h2 write whole answers: no second buffer.
    service.add_listener(ListenerConfig::tcp(bound.to_string()).l4_buffer(L4BufferSettings::new(0, 0)));
    let mut sockets = Fds::new();
    sockets.add(bound.to_string(), listener.into_raw_fd());
    let sockets = Arc::new(Mutex::new(sockets));
    let shutdown = shutdown.subscribe();
    gateway.tasks.spawn(async move { service.start_service(Some(sockets), shutdown, 1).await });
}
