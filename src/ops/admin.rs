//! The admin listener: health, readiness and metrics, over plain HTTP on loopback.
//!
//! It shares no port, host name or path with the guarded side, and tells nothing about requests but figures.

use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

use super::drain::Tasks;
use super::metrics::{CONTENT_TYPE, Metrics};

/// Whether monward can do its work right now: `Ok`, or what is missing.
pub type Readiness = Arc<dyn Fn() -> Result<(), String> + Send + Sync>;

/// What the admin listener tells.
#[derive(Clone)]
pub struct Admin {
    /// The figures.
    pub metrics: Arc<Metrics>,
    /// Brings gauges up to date before they are shown.
    pub refresh: Arc<dyn Fn(&Metrics) + Send + Sync>,
    /// The readiness check.
    pub readiness: Readiness,
}

/// Answers on `listener` until `tasks` shuts down.
pub async fn serve(listener: TcpListener, admin: Admin, tasks: Tasks) {
    let mut stopping = tasks.stopping();
    loop {
        let stream = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stopping.stopped() => return,
        };
        let Ok((stream, _)) = stream else {
            // Out of file descriptors, most likely: do not spin.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        tasks.spawn(connection(stream, admin.clone()));
    }
}

async fn connection(stream: TcpStream, admin: Admin) {
    let service = service_fn(move |request| std::future::ready(Ok::<_, Infallible>(answer(&admin, &request))));
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(10)).keep_alive(false);
    // A client that goes away is its own affair.
    let _ = server.serve_connection(TokioIo::new(stream), service).await;
}

fn answer(admin: &Admin, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        response.headers_mut().insert("allow", http::HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    if !is_local(request) {
        return text(StatusCode::MISDIRECTED_REQUEST, "ask by a loopback address or `localhost`\n");
    }
    match request.uri().path() {
        "/-/healthy" | "/livez" => text(StatusCode::OK, "alive\n"),
        "/-/ready" | "/readyz" => match (admin.readiness)() {
            Ok(()) => text(StatusCode::OK, "ready\n"),
            Err(missing) => text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {missing}\n")),
        },
        "/metrics" => {
            (admin.refresh)(&admin.metrics);
            let mut response = text(StatusCode::OK, admin.metrics.render());
            response.headers_mut().insert("content-type", http::HeaderValue::from_static(CONTENT_TYPE));
            response
        }
        _ => text(StatusCode::NOT_FOUND, "there are /-/healthy, /-/ready and /metrics\n"),
    }
}

/// A page that a browser loaded from elsewhere must not read this by a name that it points here (DNS rebinding).
fn is_local(request: &Request<Incoming>) -> bool {
    let mut hosts = request.headers().get_all(http::header::HOST).iter();
    let (Some(host), None) = (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) else { return false };
    let name = host.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok()).map_or(host, |(name, _)| name);
    let name = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn text(status: StatusCode, body: impl Into<Bytes>) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert("content-type", http::HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert("cache-control", http::HeaderValue::from_static("no-store"));
    headers.insert("x-content-type-options", http::HeaderValue::from_static("nosniff"));
    response
}
