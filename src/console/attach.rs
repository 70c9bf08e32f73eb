//! A socket for consoles, while a test is paused.

use super::serve::{Console, serve};
use crate::journal::Event;
use crate::mitm::Mitm;
use crate::temp;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use tokio::net::UnixListener;
use tokio::runtime::Builder;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// Opens the socket when the test is paused for the first time. Dropping it closes the socket and its connections.
#[derive(Debug)]
pub(crate) struct Attach {
    /// Ends the thread when it is dropped.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Attach {
    /// `note` is the file that `holdup console` looks for: paths of sockets must be short, and folders of tests are not.
    ///
    /// It has a thread of its own: a look at a long journal must not keep the one that carries the proxies.
    pub(crate) fn on_pause(mitm: &Mitm, test: &str, note: &Path) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (console, at) = (Console::new(mitm, Some(test)), note.to_owned());
        let (mitm, test) = (mitm.clone(), test.to_owned());
        let (stop, stopped) = oneshot::channel();
        let serving = async move {
            mitm.log().until(0, |event| matches!(event, Event::Paused { .. }).then_some(())).await;
            let opened = listen(&at);
            let told = match &opened {
                Ok(_) => format!("  or attach a console: holdup console {test}\n"),
                Err(error) => format!("  no console can be attached: {error}\n"),
            };
            crate::pause::say(&told);
            // Dropped with the task: the socket, its folder and the note.
            if let Ok((listener, _opened)) = opened {
                accept(&console, &listener).await;
            }
        };
        let thread = move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serving => {}
                    // Nobody sends: it is dropped.
                    _ = stopped => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name("holdup-console".to_owned()).spawn(thread)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Attach {
    fn drop(&mut self) {
        drop(self.stop.take());
        // Its socket is removed when this returns. A panic has been printed.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// What there is beside a socket. It is removed when this is dropped.
struct Opened {
    folder: temp::Folder,
    /// The file that says where the socket is.
    note: PathBuf,
}

impl Drop for Opened {
    fn drop(&mut self) {
        // If another process runs the same test, the note may be its own by now.
        let socket = self.folder.path.join("socket");
        if std::fs::read(&self.note).is_ok_and(|said| said == socket.as_os_str().as_encoded_bytes()) {
            let _ = std::fs::remove_file(&self.note);
            // Not empty if the test has left evidence before.
            let _ = self.note.parent().map(std::fs::remove_dir);
        }
        let _ = std::fs::remove_dir_all(&self.folder.path);
    }
}

/// Only this user can reach the socket: its folder is private, and so is the socket.
fn listen(note: &Path) -> io::Result<(UnixListener, Opened)> {
    let opened = Opened { folder: temp::folder("console")?, note: note.to_owned() };
    let socket = opened.folder.path.join("socket");
    let listener = UnixListener::bind(&socket)?;
    std::fs::set_permissions(&socket, std::fs::Permissions::from_mode(0o600))?;
    if let Some(above) = note.parent() {
        std::fs::create_dir_all(above)?;
    }
    std::fs::write(note, socket.as_os_str().as_encoded_bytes())?;
    Ok((listener, opened))
}

async fn accept(console: &Console, listener: &UnixListener) {
    let mut consoles = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                // A console that leaves breaks its connection.
                Ok((stream, _)) => drop(consoles.spawn({
                    let console = console.clone();
                    async move { drop(serve(console, stream).await) }
                })),
                Err(_) => return,
            },
            Some(_) = consoles.join_next() => {
                if consoles.is_empty() {
                    console.left();
                }
            }
        }
    }
}
