//! A server on loopback: one thread per connection, TLS or not, that can stop and start to listen on the same port.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use socket2::{Domain, Socket, Type};

/// What a handler reads and writes.
pub trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Serves one connection; the number counts connections from zero.
pub type Handler = Arc<dyn Fn(&mut dyn Stream, usize) + Send + Sync>;

/// A running server. Dropping it closes the port.
pub struct Server {
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
    finished: Arc<AtomicBool>,
    listener: Mutex<Option<Socket>>,
    tls: Option<Arc<ServerConfig>>,
    handler: Handler,
}

impl Server {
    /// Listens on a fresh port.
    pub fn start(tls: Option<Arc<ServerConfig>>, handler: Handler) -> Self {
        let server = Self::reserve(tls, handler);
        server.listen();
        server
    }

    /// Takes a port on which nobody listens yet: connections are refused.
    pub fn reserve(tls: Option<Arc<ServerConfig>>, handler: Handler) -> Self {
        let (socket, address) = reserved();
        Self {
            address,
            connections: Arc::default(),
            finished: Arc::default(),
            listener: Mutex::new(Some(socket)),
            tls,
            handler,
        }
    }

    /// Begins to listen (again).
    pub fn listen(&self) {
        let mut guard = self.listener.lock().unwrap();
        let socket = guard.take().unwrap_or_else(|| bound(self.address));
        socket.listen(1024).unwrap();
        let listener: TcpListener = socket.try_clone().unwrap().into();
        *guard = Some(socket);
        drop(guard);
        let (connections, finished) = (Arc::clone(&self.connections), Arc::clone(&self.finished));
        let (tls, handler) = (self.tls.clone(), Arc::clone(&self.handler));
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if finished.load(Ordering::SeqCst) {
                    return;
                }
                let number = connections.fetch_add(1, Ordering::SeqCst);
                let (tls, handler) = (tls.clone(), Arc::clone(&handler));
                std::thread::spawn(move || serve(stream, number, tls, &handler));
            }
        });
    }

    /// Stops listening: new connections are refused, the port stays ours.
    pub fn refuse(&self) {
        if let Some(socket) = self.listener.lock().unwrap().as_ref() {
            socket.shutdown(std::net::Shutdown::Both).unwrap();
        }
    }

    /// How many connections came so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.finished.store(true, Ordering::SeqCst);
        if let Some(socket) = self.listener.lock().unwrap().as_ref() {
            let _not_listening = socket.shutdown(std::net::Shutdown::Both);
        }
    }
}

/// A port of loopback that is taken and on which nobody listens yet.
///
/// It is asked for by its number: a port that the system chose is given away when its socket stops listening.
pub fn reserved() -> (Socket, SocketAddr) {
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    // In between somebody else may have got it.
    let take = |_| {
        let address = free();
        Some((try_bind(address).ok()?, address))
    };
    (0..100).find_map(take).unwrap()
}

fn bound(address: SocketAddr) -> Socket {
    try_bind(address).unwrap()
}

fn try_bind(address: SocketAddr) -> std::io::Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

fn serve(stream: TcpStream, number: usize, tls: Option<Arc<ServerConfig>>, handler: &Handler) {
    stream.set_nodelay(true).unwrap();
    stream.set_read_timeout(Some(Duration::from_mins(2))).unwrap();
    match tls {
        None => {
            let mut stream = stream;
            handler(&mut stream, number);
        }
        Some(config) => {
            let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), stream);
            handler(&mut stream, number);
            stream.conn.send_close_notify();
            let _gone = stream.flush();
        }
    }
}
