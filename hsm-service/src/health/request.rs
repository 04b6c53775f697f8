//! Requests and answers in HTTP/1.1 (RFC 9112), as far as health checks need it: the head of a
//! request without a body, and one answer, after which the connection is closed.

use tokio::io::{AsyncRead, AsyncReadExt};

/// What is asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Request {
    /// Without the query.
    pub(super) path: String,
    /// `HEAD` wants no body.
    pub(super) wants_body: bool,
}

/// What is answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) status: &'static str,
    pub(super) content_type: &'static str,
    pub(super) body: String,
    pub(super) send_body: bool,
}

/// The longest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 8 << 10;

impl Answer {
    /// A line of text.
    pub(super) fn text(status: &'static str, line: &str) -> Answer {
        Answer {
            status,
            content_type: "text/plain; charset=utf-8",
            body: format!("{line}\n"),
            send_body: true,
        }
    }

    /// The answer's bytes.
    pub(super) fn encode(&self) -> Vec<u8> {
        let head = format!(
            "HTTP/1.1 {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\n\
             Connection: close\r\n\r\n",
            self.status,
            self.content_type,
            self.body.len()
        );
        let body = if self.send_body { self.body.as_bytes() } else { &[] };
        [head.as_bytes(), body].concat()
    }
}

/// Reads the head of a request; the answer for one that is none.
pub(super) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Result<Request, Answer> {
    let mut head = Vec::with_capacity(1024);
    loop {
        let count = stream.read_buf(&mut head).await.unwrap_or(0);
        if let Some(parsed) = parse(&head) {
            return parsed;
        }
        if count == 0 {
            return Err(Answer::text("400 Bad Request", "the request ends early"));
        }
        if head.len() > MAX_HEAD_BYTES {
            let message = "the head of the request is too long";
            return Err(Answer::text("431 Request Header Fields Too Large", message));
        }
    }
}

/// Reads a head, if all of it is there.
fn parse(head: &[u8]) -> Option<Result<Request, Answer>> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    match request.parse(head) {
        Ok(httparse::Status::Partial) => None,
        Ok(httparse::Status::Complete(_)) => Some(match request.method {
            Some(method @ ("GET" | "HEAD")) => {
                let target = request.path.unwrap_or_default();
                let path = target.split_once('?').map_or(target, |(path, _)| path);
                Ok(Request { path: path.into(), wants_body: method == "GET" })
            }
            _ => Err(Answer::text("405 Method Not Allowed", "only GET and HEAD are answered")),
        }),
        Err(error) => {
            Some(Err(Answer::text("400 Bad Request", &format!("this is no HTTP: {error}"))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let head = b"GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n";
        for end in 0..head.len() {
            assert!(parse(&head[..end]).is_none(), "{end} bytes");
        }
        let request = Request { path: "/metrics".into(), wants_body: true };
        assert_eq!(parse(head), Some(Ok(request)));
    }

    #[test]
    fn what_is_no_request_for_reading_is_refused() {
        for (head, status) in [
            (&b"POST /live HTTP/1.1\r\n\r\n"[..], "405"),
            (b"\x16\x03\x01\x02\x00\x01\x00", "400"),
            (b"GET /\x01 HTTP/1.1\r\n\r\n", "400"),
        ] {
            let answer = parse(head).unwrap().unwrap_err();
            assert!(answer.status.starts_with(status), "{}", answer.status);
        }
    }
}
