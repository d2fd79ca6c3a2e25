//! A server on loopback that is asked questions over HTTPS, bodies included, and answers what a test wrote.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::http::{latin1, read_body, read_request, value};
use super::pki::Authority;
use super::server::{Server, Stream};

/// One question as it arrived.
#[derive(Clone, Debug)]
pub struct Question {
    /// Method and path: `GET /keys`.
    pub line: String,
    /// The value of `Authorization`.
    pub authorization: String,
    pub body: String,
}

/// Gives status and body, JSON.
pub type Script = Box<dyn Fn(&Question) -> (u16, String) + Send + Sync>;

struct State {
    script: Script,
    questions: Mutex<Vec<Question>>,
    away: AtomicBool,
}

/// The server.
pub struct Asked {
    server: Server,
    state: Arc<State>,
}

impl Asked {
    /// Answers what `script` says, under a certificate of the authority that the tests share.
    pub fn start(script: Script) -> Self {
        let state = Arc::new(State { script, questions: Mutex::default(), away: AtomicBool::default() });
        let shared = Arc::clone(&state);
        let handler = Arc::new(move |stream: &mut dyn Stream, _| serve(stream, &shared));
        let identity = Authority::shared().server(&["127.0.0.1"]);
        Self { server: Server::start(Some(identity.server_config(None)), handler), state }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("https://{}", self.server.address)
    }

    /// All that it was asked.
    pub fn questions(&self) -> Vec<Question> {
        self.state.questions.lock().unwrap().clone()
    }

    /// How often something was asked whose line begins so.
    pub fn hits(&self, line: &str) -> usize {
        self.questions().iter().filter(|question| question.line.starts_with(line)).count()
    }

    /// Stops listening, and answers nothing on connections that are open.
    pub fn kill(&self) {
        self.state.away.store(true, Ordering::SeqCst);
        self.server.refuse();
    }

    /// Listens again.
    pub fn wake(&self) {
        self.state.away.store(false, Ordering::SeqCst);
        self.server.listen();
    }
}

fn serve(stream: &mut dyn Stream, state: &State) {
    let mut buffer = Vec::new();
    while let Some(head) = read_request(stream, &mut buffer) {
        let head = latin1(&head);
        let Some(body) = read_body(stream, &mut buffer, &head) else { return };
        let line = head.split(' ').take(2).collect::<Vec<_>>().join(" ");
        let question = Question { line, authorization: value(&head, "authorization").unwrap_or_default(), body };
        if state.away.load(Ordering::SeqCst) {
            return;
        }
        state.questions.lock().unwrap().push(question.clone());
        let (status, answer) = (state.script)(&question);
        let head = format!(
            "HTTP/1.1 {status} Said So\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            answer.len()
        );
        if stream.write_all(format!("{head}{answer}").as_bytes()).and_then(|()| stream.flush()).is_err() {
            return;
        }
    }
}
