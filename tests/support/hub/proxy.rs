//! Proxies that a client may be told to use: HTTP (absolute form and CONNECT) and SOCKS5. Each notes who was asked for.

use std::collections::HashMap;
use std::io::{self, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::http::Request;
use super::wire::Stop;

/// A proxy. It ends when it is dropped.
pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    kind: Kind,
    login: Option<(String, String)>,
    routes: Mutex<HashMap<String, SocketAddr>>,
    asked: Mutex<Vec<String>>,
    open: Mutex<Vec<TcpStream>>,
    stop: Stop,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Http,
    Socks,
}

impl Proxy {
    /// An HTTP proxy.
    pub(crate) fn http() -> Self {
        Self::start(Kind::Http, None)
    }

    /// An HTTP proxy that wants to know who asks.
    pub(crate) fn http_with_login(user: &str, password: &str) -> Self {
        Self::start(Kind::Http, Some((user.to_owned(), password.to_owned())))
    }

    /// A SOCKS5 proxy.
    pub(crate) fn socks5() -> Self {
        Self::start(Kind::Socks, None)
    }

    /// A SOCKS5 proxy that wants to know who asks.
    pub(crate) fn socks5_with_login(user: &str, password: &str) -> Self {
        Self::start(Kind::Socks, Some((user.to_owned(), password.to_owned())))
    }

    fn start(kind: Kind, login: Option<(String, String)>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            kind,
            login,
            routes: Mutex::default(),
            asked: Mutex::default(),
            open: Mutex::default(),
            stop: Stop::default(),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if accepting.stop.stopped() {
                    return;
                }
                let shared = Arc::clone(&accepting);
                thread::spawn(move || shared.serve(client));
            }
        });
        Self { address, shared }
    }

    /// Its URL, without the login.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.shared.kind == Kind::Http { "http" } else { "socks5" };
        format!("{scheme}://{}", self.address)
    }

    /// Its URL with the login.
    pub(crate) fn url_with_login(&self) -> String {
        let (user, password) = self.shared.login.as_ref().unwrap();
        self.url().replacen("://", &format!("://{user}:{password}@"), 1)
    }

    /// Leads a host name (`huggingface.co`) to one of the test's servers, whatever the port.
    pub(crate) fn leads(&self, host: &str, to: SocketAddr) {
        self.shared.routes.lock().unwrap().insert(host.to_owned(), to);
    }

    /// Who was asked for so far: `host:port`, once for each connection.
    pub(crate) fn hosts(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stop.stop();
        for socket in self.shared.open.lock().unwrap().iter() {
            let _ = socket.shutdown(Shutdown::Both);
        }
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

impl Shared {
    fn serve(&self, client: TcpStream) {
        let _ = client.set_nodelay(true);
        let served = match self.kind {
            Kind::Http => self.http(client),
            Kind::Socks => self.socks(client),
        };
        // A client that leaves in the middle is no matter for the proxy.
        drop(served);
    }

    fn connect(&self, host: &str, port: u16) -> io::Result<TcpStream> {
        self.asked.lock().unwrap().push(format!("{host}:{port}"));
        let route = self.routes.lock().unwrap().get(host).copied();
        let address = match route {
            Some(address) => address,
            None => (host, port).to_socket_addrs()?.next().ok_or(io::ErrorKind::NotFound)?,
        };
        let server = TcpStream::connect_timeout(&address, Duration::from_secs(5))?;
        server.set_nodelay(true)?;
        Ok(server)
    }

    fn http(&self, client: TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(client.try_clone()?);
        let mut client = client;
        let Some(request) = Request::read(&mut reader)? else { return Ok(()) };
        if !self.knows(request.header("proxy-authorization")) {
            let refusal = "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"test\"\r\n";
            return client.write_all(format!("{refusal}Content-Length: 0\r\nConnection: close\r\n\r\n").as_bytes());
        }
        let tunnel = request.method == "CONNECT";
        let target = request.target();
        let authority = if tunnel { &target } else { target.trim_start_matches("http://").split('/').next().unwrap() };
        let (host, port) = authority.rsplit_once(':').unwrap_or((authority, "80"));
        let Ok(mut server) = self.connect(host, port.parse().unwrap_or(80)) else {
            return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
        };
        if tunnel {
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
        } else {
            let path = target.trim_start_matches("http://").find('/').map_or("/", |at| &target[at + "http://".len()..]);
            server.write_all(&forwarded(&request, path))?;
        }
        server.write_all(reader.buffer())?;
        self.splice(client, server)
    }

    fn knows(&self, given: Option<&str>) -> bool {
        let Some((user, password)) = &self.login else { return true };
        let wanted = format!("Basic {}", base64(format!("{user}:{password}").as_bytes()));
        given.is_some_and(|given| given == wanted)
    }

    fn socks(&self, mut client: TcpStream) -> io::Result<()> {
        let [_, count] = take(&mut client)?;
        let mut methods = vec![0; usize::from(count)];
        client.read_exact(&mut methods)?;
        let wanted = if self.login.is_some() { 2 } else { 0 };
        if !methods.contains(&wanted) {
            return client.write_all(&[5, 0xff]);
        }
        client.write_all(&[5, wanted])?;
        if let Some((user, password)) = &self.login {
            let [_] = take(&mut client)?;
            let given = (text(&mut client)?, text(&mut client)?);
            let good = given == (user.clone(), password.clone());
            client.write_all(&[1, u8::from(!good)])?;
            if !good {
                return Ok(());
            }
        }
        let [_, _, _, kind] = take(&mut client)?;
        let host = match kind {
            1 => IpAddr::from(Ipv4Addr::from(take::<4>(&mut client)?)).to_string(),
            4 => IpAddr::from(Ipv6Addr::from(take::<16>(&mut client)?)).to_string(),
            _ => text(&mut client)?,
        };
        let port = u16::from_be_bytes(take(&mut client)?);
        let server = self.connect(&host, port);
        let code = if server.is_ok() { 0 } else { 5 };
        client.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0])?;
        self.splice(client, server?)
    }

    /// Copies both ways until both sides are done.
    fn splice(&self, client: TcpStream, server: TcpStream) -> io::Result<()> {
        self.open.lock().unwrap().extend([client.try_clone()?, server.try_clone()?]);
        let (mut from, mut to) = (client.try_clone()?, server.try_clone()?);
        let up = thread::spawn(move || {
            let _ = io::copy(&mut from, &mut to);
            let _ = to.shutdown(Shutdown::Write);
        });
        let (mut from, mut to) = (server, client);
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
        let _ = from.shutdown(Shutdown::Both);
        let _ = up.join();
        Ok(())
    }
}

/// The request as the server shall see it: one for the connection, and nothing of what was meant for the proxy.
fn forwarded(request: &Request, path: &str) -> Vec<u8> {
    let mut head = format!("{} {path} HTTP/1.1\r\nConnection: close\r\n", request.method);
    for (name, value) in &request.headers {
        if !name.starts_with("proxy-") && name != "connection" {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    [format!("{head}\r\n").as_bytes(), &request.body].concat()
}

fn take<const N: usize>(from: &mut TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// A text after the byte that tells its length.
fn text(from: &mut TcpStream) -> io::Result<String> {
    let [length] = take(from)?;
    let mut bytes = vec![0; usize::from(length)];
    from.read_exact(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let number = group.iter().fold(0, |number, byte| number << 8 | usize::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let digit = char::from(DIGITS[number >> (18 - 6 * place) & 63]);
            text.push(if place <= group.len() { digit } else { '=' });
        }
    }
    text
}
