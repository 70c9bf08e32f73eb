//! A server that reads a message in one way only, and records each that could be read differently.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// The requests received so far.
#[derive(Clone, Debug, Default)]
pub struct Seen(Arc<Mutex<Vec<Request>>>);

#[derive(Debug)]
struct Request {
    path: String,
    /// The head, if it is ambiguous.
    ambiguous: Option<String>,
}

impl Seen {
    /// The requested paths.
    pub fn paths(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|request| request.path.clone()).collect()
    }

    /// The ambiguous heads.
    pub fn ambiguous(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().filter_map(|request| request.ambiguous.clone()).collect()
    }
}

pub async fn server() -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (address, seen) = (listener.local_addr().unwrap(), Seen::default());
    let seen_here = seen.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let seen = seen_here.clone();
            tokio::spawn(async move { serve(stream, &seen).await });
        }
    });
    (address, seen)
}

async fn serve(stream: TcpStream, seen: &Seen) -> Option<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if stream.read_until(b'\n', &mut head).await.ok()? == 0 {
                return None;
            }
        }
        let head = String::from_utf8_lossy(&head).into_owned();
        let path = head.split(' ').nth(1).unwrap_or_default().to_owned();
        let framing = framing(&head);
        seen.0.lock().unwrap().push(Request { path, ambiguous: framing.is_none().then_some(head) });
        match framing? {
            Framing::Length(length) => drop(stream.read_exact(&mut vec![0; length]).await.ok()?),
            Framing::Chunks => chunks(&mut stream).await?,
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.ok()?;
    }
}

enum Framing {
    Length(usize),
    Chunks,
}

/// Parses the framing; `None` if a line is invalid, the length is declared more than once, or there is not exactly one
/// host.
fn framing(head: &str) -> Option<Framing> {
    let (mut framing, mut hosts) = (None, 0);
    for line in head.trim_end_matches("\r\n").split("\r\n").skip(1) {
        let (name, value) = line.split_once(':')?;
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(is_token) || value.contains(['\r', '\n', '\0']) {
            return None;
        }
        let said = match name.to_ascii_lowercase().as_str() {
            "content-length" => Framing::Length(
                value
                    .trim_matches([' ', '\t'])
                    .parse()
                    .ok()
                    .filter(|_| value.trim().bytes().all(|b| b.is_ascii_digit()))?,
            ),
            "transfer-encoding" if value.trim().eq_ignore_ascii_case("chunked") => Framing::Chunks,
            "transfer-encoding" => return None,
            "host" => {
                hosts += 1;
                continue;
            }
            _ => continue,
        };
        if framing.replace(said).is_some() {
            return None;
        }
    }
    (hosts == 1).then(|| framing.unwrap_or(Framing::Length(0)))
}

async fn chunks(stream: &mut BufReader<TcpStream>) -> Option<()> {
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        let size = usize::from_str_radix(line.trim_end_matches("\r\n").split(';').next()?, 16).ok()?;
        if size == 0 {
            break;
        }
        stream.read_exact(&mut vec![0; size + 2]).await.ok()?;
    }
    let mut line = String::from("trailers");
    while line != "\r\n" {
        line.clear();
        stream.read_line(&mut line).await.ok().filter(|read| *read > 0)?;
    }
    Some(())
}
