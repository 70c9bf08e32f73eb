//! The application that is looked at.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Condvar, Mutex};

/// A page that asks twice, and shows what comes last; then it says what it shows. `/once` asks once.
pub const PAGE: &str = "<p id=out></p><script>
    let left = 2;
    for (const q of ['a', 'ab']) fetch('/search?q=' + q).then(answer => answer.text()).then(text => {
        out.textContent = text;
        if (--left === 0) fetch('/shows/' + text);
    });</script>";

/// Whether the first answer was sent.
#[derive(Default)]
struct First(Mutex<bool>, Condvar);

impl First {
    fn set(&self) {
        *self.0.lock().unwrap() = true;
        self.1.notify_all();
    }

    fn wait(&self) {
        drop(self.1.wait_while(self.0.lock().unwrap(), |sent| !*sent).unwrap());
    }
}

/// Starts a server of one page, and returns its address.
pub fn app() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let first = Arc::new(First::default());
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let first = Arc::clone(&first);
            std::thread::spawn(move || {
                let (mut stream, mut asked) = (stream, [0; 4096]);
                while let Ok(size) = stream.read(&mut asked) {
                    let head = String::from_utf8_lossy(&asked[..size]);
                    let Some(path) = head.split(' ').nth(1) else { return };
                    // The answers come in the order of the page, each on its own connection.
                    if path.ends_with("q=ab") {
                        first.wait();
                    }
                    let body = match path.split_once("q=") {
                        Some((_, query)) => query.to_owned(),
                        None if path == "/once" => PAGE.replace("['a', 'ab']", "['a']").replace("left = 2", "left = 1"),
                        None => PAGE.to_owned(),
                    };
                    let answer = format!(
                        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    if stream.write_all(answer.as_bytes()).is_err() {
                        return;
                    }
                    if path.ends_with("q=a") {
                        first.set();
                    }
                }
            });
        }
    });
    address
}
