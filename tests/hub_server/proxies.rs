//! The proxies lead to where they are asked to lead, and note it.

use std::io::{Read, Write};
use std::net::TcpStream;

use crate::support::hub::{Hub, Proxy};

fn talk(proxy: &Proxy, messages: &[&[u8]]) -> Vec<u8> {
    let address = proxy.url().split_once("://").unwrap().1.to_owned();
    let mut socket = TcpStream::connect(address).unwrap();
    for message in messages {
        socket.write_all(message).unwrap();
    }
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer);
    answer
}

fn ends_with_json(answer: &[u8]) -> bool {
    String::from_utf8_lossy(answer).contains("\"id\":\"org/m\"")
}

const REQUEST: &[u8] = b"GET /api/models/org/m HTTP/1.1\r\nHost: hub.test\r\nConnection: close\r\n\r\n";

fn house() -> Hub {
    let hub = Hub::start();
    hub.model("org/m").file("a", "1").commit();
    hub
}

#[test]
fn an_http_proxy_takes_the_absolute_form_and_tunnels() {
    let hub = house();
    let proxy = Proxy::http();
    proxy.leads("hub.test", hub.address());
    let absolute = b"GET http://hub.test/api/models/org/m HTTP/1.1\r\nHost: hub.test\r\n\r\n";
    assert!(ends_with_json(&talk(&proxy, &[absolute])));
    let answer = talk(&proxy, &[b"CONNECT hub.test:443 HTTP/1.1\r\nHost: hub.test:443\r\n\r\n", REQUEST]);
    assert!(
        answer.starts_with(b"HTTP/1.1 200 Connection established\r\n\r\nHTTP/1.1 200 OK") && ends_with_json(&answer)
    );
    assert_eq!(proxy.hosts(), ["hub.test:80", "hub.test:443"]);
    assert_eq!(hub.requests().len(), 2);
}

#[test]
fn an_http_proxy_may_want_a_login_and_keeps_it_to_itself() {
    let hub = house();
    let proxy = Proxy::http_with_login("me", "secret");
    proxy.leads("hub.test", hub.address());
    let request = "GET http://hub.test/api/models/org/m HTTP/1.1\r\nHost: hub.test\r\n";
    let refused = talk(&proxy, &[format!("{request}\r\n").as_bytes()]);
    assert!(refused.starts_with(b"HTTP/1.1 407 "));
    let login = format!("{request}Proxy-Authorization: Basic bWU6c2VjcmV0\r\n\r\n");
    assert!(ends_with_json(&talk(&proxy, &[login.as_bytes()])));
    assert_eq!(hub.requests()[0].header("proxy-authorization"), None);
    assert!(proxy.url_with_login().starts_with("http://me:secret@127.0.0.1:"));
}

#[test]
fn a_socks_proxy_leads_to_names_and_addresses() {
    let hub = house();
    let proxy = Proxy::socks5();
    proxy.leads("hub.test", hub.address());
    let named = [b"\x05\x01\x00\x03\x08hub.test\x00\x50".as_slice(), REQUEST].concat();
    assert!(ends_with_json(&talk(&proxy, &[b"\x05\x01\x00", &named])));
    let port = hub.address().port().to_be_bytes();
    let numbered = [b"\x05\x01\x00\x01\x7f\x00\x00\x01".as_slice(), &port, REQUEST].concat();
    assert!(ends_with_json(&talk(&proxy, &[b"\x05\x01\x00", &numbered])));
    assert_eq!(proxy.hosts(), ["hub.test:80".to_owned(), hub.address().to_string()]);
}

#[test]
fn a_socks_proxy_may_want_a_login() {
    let hub = house();
    let proxy = Proxy::socks5_with_login("me", "pw");
    proxy.leads("hub.test", hub.address());
    let request = [b"\x05\x01\x00\x03\x08hub.test\x00\x50".as_slice(), REQUEST].concat();
    assert_eq!(talk(&proxy, &[b"\x05\x01\x00"]), b"\x05\xff");
    assert_eq!(talk(&proxy, &[b"\x05\x01\x02", b"\x01\x02me\x02no"]), b"\x05\x02\x01\x01");
    assert!(ends_with_json(&talk(&proxy, &[b"\x05\x01\x02", b"\x01\x02me\x02pw", &request])));
    assert_eq!(proxy.hosts(), ["hub.test:80"]);
}
