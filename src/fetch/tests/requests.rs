//! Who is asked what: redirects, tokens, waits, and no network at all.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Instant;

use super::server::{Answer, Fault, Server};
use super::*;

fn ask(client: &Client, url: &str) -> Result<super::Answer, Error> {
    client.get(&Ask { url, accept: None, credential: None, limit: 1000 })
}

fn hasty() -> Client {
    let network = Network::from_vars(&Vars::default(), false).unwrap();
    Client::new(network.with_patience(Duration::from_millis(400), 4, Duration::from_millis(10))).unwrap()
}

#[test]
fn a_busy_server_is_asked_again_and_every_please_wait_is_kept() {
    let date = || {
        let at = std::time::SystemTime::now() + Duration::from_secs(3);
        let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        let text = humantime::format_rfc3339_seconds(at).to_string();
        let seconds = at.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let month = months[text[5..7].parse::<usize>().unwrap() - 1];
        let day = days[(seconds / 86_400 % 7) as usize];
        format!("{day}, {} {month} {} {} GMT", &text[8..10], &text[..4], &text[11..19])
    };
    // A date is made when it is sent: it says less with every second that passes before.
    type Value<'a> = &'a dyn Fn() -> String;
    let one = || "1".to_owned();
    let forms: [(&str, Value<'_>, Duration); 4] = [
        ("retry-after", &one, Duration::from_secs(1)),
        ("retry-after", &date, Duration::from_secs(1)),
        ("ratelimit", &|| "\"api\";r=0;t=0".to_owned(), Duration::from_secs(1)),
        ("x-nothing", &one, Duration::ZERO),
    ];
    for (name, value, least) in forms {
        let value = value();
        let told = value.clone();
        let server = Server::new(move |_, number| match number {
            0 => Answer::new(429, "slow down").with(name, &told),
            1 => Answer::new(503, ""),
            _ => Answer::new(200, "here"),
        });
        let start = Instant::now();
        assert_eq!(ask(&hasty(), &server.url("/")).unwrap().body, b"here");
        assert!(start.elapsed() >= least && start.elapsed() < Duration::from_secs(20), "{name}: {value}");
        assert_eq!(server.requests().len(), 3);
    }
}

#[test]
fn one_thread_that_is_told_to_wait_makes_the_others_wait() {
    let room = Room::new();
    let begun = Instant::now();
    let early = Arc::new(Mutex::new(0));
    let count = Arc::clone(&early);
    let server = Server::new(move |request, number| {
        if number == 0 {
            return Answer::new(429, "").with("retry-after", "1");
        }
        if begun.elapsed() < Duration::from_millis(900) {
            *count.lock().unwrap() += 1;
        }
        std::thread::sleep(Duration::from_millis(30));
        Answer::file(request, b"small", "\"1\"")
    });
    let artifacts: Vec<Artifact> = (0..20)
        .map(|number| Artifact {
            destination: room.folder.path().join(number.to_string()),
            digest: None,
            size: Some(5),
            ..room.artifact(&server.url(&format!("/{number}")), b"small")
        })
        .collect();
    let options = Options { max_workers: Some(2), ..quick() };
    let outcomes = fetch(&client(), &artifacts, &Anything, &options, &|_| {});
    assert!(outcomes.iter().all(|outcome| outcome.result.is_ok()));
    assert!(*early.lock().unwrap() <= 1, "only what was under way already came before the second was over");
}

#[test]
fn redirects_are_followed_with_their_query_and_a_loop_ends() {
    let server = Server::new(|request, _| match request.path.as_str() {
        "/a/b" => Answer::new(302, "moved").with("location", "../c?x=%2F&y"),
        "/c?x=%2F&y" => Answer::new(307, "").with("location", "/d"),
        "/d" => Answer::new(200, "here"),
        _ => Answer::new(302, "").with("location", "/loop"),
    });
    let answer = ask(&hasty(), &server.url("/a/b")).unwrap();
    assert_eq!((answer.body.as_slice(), answer.url.as_str()), (b"here".as_slice(), server.url("/d").as_str()));
    let text = ask(&hasty(), &server.url("/loop")).unwrap_err().to_string();
    assert_eq!(text, format!("{}: redirects more than 20 times", server.url("/loop")));
    assert_eq!(server.requests().len(), 3 + 21);
}

#[test]
fn a_token_reaches_its_origin_and_no_other() {
    let cdn = Server::new(|_, _| Answer::new(200, "here"));
    let away = cdn.url("/x?signature=s");
    let hub = Server::new(move |request, _| match request.path.as_str() {
        "/near" => Answer::new(302, "").with("location", "/far"),
        _ => Answer::new(302, "").with("location", &away),
    });
    let credential =
        Credential { token: Secret::new("hf_secret"), origins: Origin::of(&hub.url("/")).into_iter().collect() };
    let url = hub.url("/near");
    let answer = hasty().get(&Ask { url: &url, accept: None, credential: Some(&credential), limit: 10 }).unwrap();
    assert_eq!(answer.body, b"here");
    let tokens = |server: &Server| -> Vec<Option<String>> {
        server.requests().iter().map(|request| request.header("authorization").map(str::to_owned)).collect()
    };
    assert_eq!(tokens(&hub), [Some("Bearer hf_secret".to_owned()), Some("Bearer hf_secret".to_owned())]);
    assert_eq!(tokens(&cdn), [None]);
}

#[test]
fn an_expired_address_is_asked_for_again_and_a_lasting_refusal_is_told() {
    let (room, bytes) = (Room::new(), content(60_000));
    let served = bytes.clone();
    let server = Server::new(move |request, number| match (request.path.as_str(), number) {
        ("/f", _) => Answer::new(302, "").with("location", format!("/signed?{number}")),
        (_, 1) => Answer::file(request, &served, "\"1\"").then(20_000, Fault::Cut),
        ("/signed?0", _) => Answer::new(403, "<expired>"),
        _ => Answer::file(request, &served, "\"1\""),
    });
    let outcome = get(&room.artifact(&server.url("/f"), &bytes));
    assert_here(&room, &outcome, &bytes);
    assert_eq!(outcome.received, 60_000);
    let paths: Vec<String> = server.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(paths, ["/f", "/signed?0", "/signed?0", "/f", "/signed?3"]);

    let room = Room::new();
    let server = Server::new(|request, _| match request.path.as_str() {
        "/f" => Answer::new(302, "").with("location", "/signed?s"),
        _ => Answer::new(403, "<no>"),
    });
    let text = refusal(&room, get(&room.artifact(&server.url("/f"), &bytes)));
    assert_eq!(text, format!("{} answered 403: <no>", server.url("/signed")));
}

#[test]
fn a_refusal_carries_what_the_server_says() {
    let server = Server::new(|_, _| {
        Answer::new(404, "{\"error\":\"Repository not found\"}").with("x-error-code", "RepoNotFound")
    });
    match ask(&hasty(), &server.url("/r?token=t")).unwrap_err() {
        Error::Status(status) => {
            assert_eq!((status.code, status.error_code.as_deref()), (404, Some("RepoNotFound")));
            assert_eq!(status.to_string(), format!("{} answered 404: Repository not found", server.url("/r")));
        }
        other => panic!("{other}"),
    }
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_document_that_is_too_long_or_compressed_is_refused() {
    let server = Server::new(|request, _| match request.path.as_str() {
        "/long" => Answer::new(200, vec![b'x'; 1001]),
        "/chunks" => {
            Answer::new(200, format!("7d0\r\n{}\r\n0\r\n\r\n", "x".repeat(2000))).with("transfer-encoding", "chunked")
        }
        _ => Answer::new(200, "x").with("content-encoding", "br"),
    });
    for path in ["/long", "/chunks", "/br"] {
        assert!(matches!(ask(&hasty(), &server.url(path)), Err(Error::Protocol { .. })), "{path}");
    }
}

#[test]
fn with_the_network_off_no_socket_is_opened() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("http://{}/f?secret", listener.local_addr().unwrap());
    let client = Client::new(Network::from_vars(&Vars::default(), true).unwrap()).unwrap();
    assert!(matches!(ask(&client, &url), Err(Error::Offline(url)) if !url.contains("secret")));
    let room = Room::new();
    let outcome = fetch(&client, &[room.artifact(&url, b"x")], &Anything, &quick(), &|_| {}).remove(0);
    assert!(matches!(outcome.result, Err(Error::Offline(_))));
    assert!(listener.accept().is_err(), "nobody came");
}

#[test]
fn a_mirror_is_asked_instead() {
    let server = Server::new(|_, _| Answer::new(200, "here"));
    let vars = Vars::default().with("MODELSTRAP_MIRRORS", format!("https://models.example={}", server.url("/m")));
    let client = Client::new(Network::from_vars(&vars, false).unwrap()).unwrap();
    assert_eq!(ask(&client, "https://models.example/a?b").unwrap().body, b"here");
    assert_eq!(server.requests()[0].path, "/m/a?b");
}

#[test]
fn a_proxy_is_asked_for_the_host_and_its_refusal_told() {
    let proxy = Server::new(|_, _| Answer::new(407, "who are you"));
    let vars = Vars::default().with("HTTP_PROXY", proxy.url("")).with("NO_PROXY", "127.0.0.1");
    let network = Network::from_vars(&vars, false).unwrap();
    let client = Client::new(network.with_patience(Duration::from_secs(1), 2, Duration::from_millis(10))).unwrap();
    let text = ask(&client, "http://models.example/a?secret").unwrap_err().to_string();
    assert!(text.starts_with("http://models.example/a: the proxy refuses"), "{text}");
    assert_eq!(proxy.requests()[0].path, "models.example:80");
    let server = Server::new(|_, _| Answer::new(200, "here"));
    assert_eq!(ask(&client, &server.url("/")).unwrap().body, b"here");
}

#[test]
fn who_stops_it_waits_for_no_server() {
    use std::sync::atomic::{AtomicBool, Ordering};
    static STOP: AtomicBool = AtomicBool::new(false);
    let (room, bytes) = (Room::new(), content(20 << 20));
    let served = bytes.clone();
    let server = Server::new(move |request, _| Answer::file(request, &served, "\"1\"").then(100_000, Fault::Stall));
    let network = Network::from_vars(&Vars::default(), false).unwrap();
    let client = Client::stopped_by(network, || STOP.load(Ordering::SeqCst));
    let artifact = room.artifact(&server.url("/f"), &bytes);
    let outcome = std::thread::scope(|scope| {
        let run = scope.spawn(|| {
            fetch(&client, std::slice::from_ref(&artifact), &Anything, &Options::default(), &|_| {}).remove(0)
        });
        std::thread::sleep(Duration::from_millis(700));
        STOP.store(true, Ordering::SeqCst);
        let start = Instant::now();
        let outcome = run.join().unwrap();
        assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
        outcome
    });
    assert!(matches!(outcome.result, Err(Error::Interrupted)));
    assert!(!room.file().exists());
    assert!(resumable(&artifact) >= 100_000, "what came is kept");
}

/// Three seconds for each of four tries would be twelve: a test that takes longer has found a wait without an end.
const BOUND: Duration = Duration::from_secs(12);

#[test]
fn a_document_that_drips_in_is_given_up_after_the_second_time() {
    let server = Server::new(|_, _| Answer::new(200, vec![b'x'; 900]).then(1, Fault::Drip));
    let begun = Instant::now();
    let said = ask(&hasty(), &server.url("/list")).unwrap_err().to_string();
    assert!(said.ends_with("the server sends too slowly, tried 2 times"), "{said}");
    assert_eq!(server.requests().len(), 2);
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
}

#[test]
fn a_redirect_or_a_refusal_that_drips_keeps_nobody_waiting() {
    let server = Server::new(|request, _| match request.path.as_str() {
        "/here" => Answer::new(200, "here"),
        "/moved" => Answer::new(302, vec![b'x'; 900]).with("location", "/here").then(0, Fault::Drip),
        _ => Answer::new(404, vec![b'x'; 900]).then(0, Fault::Drip),
    });
    let begun = Instant::now();
    assert_eq!(ask(&hasty(), &server.url("/moved")).unwrap().body, b"here");
    let said = ask(&hasty(), &server.url("/gone")).unwrap_err().to_string();
    assert!(said.contains(" answered 404: xx"), "{said}");
    assert!(begun.elapsed() < BOUND, "{:?}", begun.elapsed());
}
