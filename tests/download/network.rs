//! Ways to the network: proxies, authorities, mirrors, none at all; and who gets to see a token.
#![cfg(unix)]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::support::download::{ID, PATIENCE, Yard};
use crate::support::hub;
use crate::support::hub::{Content, Hub, Proxy, Speed};
use crate::support::project::Ran;

const TOKEN: &str = "hf_abcdefghijklmnopqrstuvwxyz";

/// A project whose model is at this hub.
fn at(hub: Hub) -> Yard {
    let yard = Yard::at(hub, "tiny = \"hf:org/tiny\"");
    yard.hub.model(ID).file("config.json", "{}").lfs("model.safetensors", Content::pattern(1, 300_000)).commit();
    yard
}

/// Downloads with further variables; a value of `-` takes the variable away.
fn with(yard: &Yard, vars: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let mut command = yard.command(arguments);
    for (name, value) in vars {
        if *value == "-" {
            command.env_remove(name)
        } else {
            command.env(name, value)
        };
    }
    yard.start(&mut command).end(PATIENCE)
}

const DOWNLOAD: [&str; 2] = ["models", "download"];

/// Fails if a file below `folder`, or what was said, holds `secret`.
#[track_caller]
fn nobody_wrote(secret: &str, folder: &Path, said: &[&Ran]) {
    for ran in said {
        assert!(!ran.err.contains(secret) && !ran.out.contains(secret), "{ran:?}");
    }
    for path in
        hub::tree(folder).into_keys().filter(|path| !path.ends_with("secrets.json") && !path.ends_with("/token"))
    {
        let bytes = fs::read(folder.join(&path)).unwrap_or_default();
        assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{path} holds the token");
    }
}

#[test]
fn a_token_opens_what_is_private_and_goes_to_the_endpoint_only() {
    type Put = fn(&Yard);
    let places: [(&str, Put); 3] = [
        ("variable", |_| ()),
        ("token file", |yard| yard.write("~/.cache/huggingface/token", format!("{TOKEN}\n"))),
        ("secrets", |yard| yard.write("config/secrets.json", format!("{{\"HF_TOKEN\": \"{TOKEN}\"}}"))),
    ];
    for (place, put) in places {
        let yard = Yard::new("tiny = \"hf:org/tiny\"");
        let weights = Content::pattern(1, 12 << 20);
        yard.hub
            .model(ID)
            .file("config.json", "{}")
            .lfs("model.safetensors", weights)
            .private()
            .readable_with(TOKEN)
            .commit();
        let before = yard.download(&[]).expect(1).says(&["tiny is not here", "org/tiny"]);
        put(&yard);
        let vars = [("HF_TOKEN", if place == "variable" { TOKEN } else { "-" })];
        let ran = with(&yard, &vars, &["models", "download", "--verbose"]).expect(0);
        yard.assert_whole(ID);
        nobody_wrote(TOKEN, yard.path(), &[&before, &ran]);
        let with_token = |seen: &&std::sync::Arc<hub::Seen>| seen.authorization() == Some(&format!("Bearer {TOKEN}"));
        let all = yard.hub.requests();
        assert!(all.iter().filter(with_token).all(|seen| &*seen.origin == "hub"), "{place}");
        assert!(all.iter().filter(with_token).count() >= 4, "{place}: {all:#?}");
        yard.hub.assert_no_violation();
    }
}

#[test]
fn a_token_does_not_follow_a_redirect_to_another_server() {
    let yard = at(Hub::start());
    yard.hub.user(TOKEN, "somebody");
    let trap = yard.hub.further_origin("https://trap.example");
    trap.file("/config.json", "{}");
    yard.hub.on("*/config.json").redirects_to(&format!("{}/config.json", trap.url()));
    with(&yard, &[("HF_TOKEN", TOKEN)], &DOWNLOAD).expect(0);
    yard.assert_whole(ID);
    let trapped: Vec<_> = yard.hub.requests().into_iter().filter(|seen| &*seen.origin == "trap.example").collect();
    assert!(!trapped.is_empty() && trapped.iter().all(|seen| seen.authorization().is_none()), "{trapped:?}");
}

#[test]
fn a_wrong_token_is_told_without_being_shown() {
    let yard = at(Hub::start());
    let ran = with(&yard, &[("HF_TOKEN", "hf_wrongwrongwrongwrong")], &DOWNLOAD);
    assert!(ran.code == 0 || ran.err.contains("does not accept the token from HF_TOKEN"), "{}", ran.err);
    nobody_wrote("hf_wrong", yard.path(), &[&ran]);
}

#[test]
fn what_is_secret_in_an_address_is_not_shown() {
    let yard = at(Hub::start());
    let secret_url = yard.hub.url().replacen("://", "://me:hunter2@", 1);
    yard.hub.on("/api/*").answers(500, hub::Later::Unsaid);
    let endpoint = with(&yard, &[("HF_ENDPOINT", &secret_url)], &DOWNLOAD).expect(1);
    yard.hub.behaves();
    yard.hub.on("*/model.safetensors").redirects_to("http://127.0.0.1:1/x?token=hunter2&X-Signature=hunter2#hunter2");
    let redirect = yard.download(&[]).expect(1);
    let proxy = Proxy::http_with_login("me", "hunter3");
    let wrong = proxy.url().replacen("://", "://me:hunter2@", 1);
    let refused = with(&yard, &[("HTTP_PROXY", &wrong), ("http_proxy", &wrong)], &DOWNLOAD).expect(1);
    assert!(refused.err.contains("proxy") || refused.err.contains("407"), "{}", refused.err);
    let bad = with(&yard, &[("HTTP_PROXY", "ftp://me:hunter2@h"), ("http_proxy", "ftp://me:hunter2@h")], &DOWNLOAD);
    nobody_wrote("hunter2", yard.path(), &[&endpoint, &redirect, &refused, &bad]);
}

#[test]
fn a_proxy_is_used_where_the_environment_names_it_and_not_for_no_proxy() {
    for (name, proxy) in [
        ("http_proxy", Proxy::http()),
        ("HTTP_PROXY", Proxy::http()),
        ("ALL_PROXY", Proxy::http()),
        ("all_proxy", Proxy::socks5()),
        ("ALL_PROXY", Proxy::socks5()),
    ] {
        let yard = at(Hub::start());
        with(&yard, &[(name, &proxy.url())], &DOWNLOAD).expect(0);
        yard.assert_whole(ID);
        let hosts = proxy.hosts();
        let hub = yard.hub.url().trim_start_matches("http://").to_owned();
        let cdn = yard.hub.cdn().url().trim_start_matches("http://").to_owned();
        assert!(hosts.contains(&hub) && hosts.contains(&cdn), "{name}: {hosts:?}");
        let count = hosts.len();
        fs::remove_file(yard.place("modelstrap.lock")).unwrap();
        with(&yard, &[(name, &proxy.url()), ("NO_PROXY", "127.0.0.1")], &["models", "lock"]).expect(0);
        assert_eq!(proxy.hosts().len(), count, "{name}");
    }
}

#[test]
fn a_proxy_is_told_who_asks() {
    for proxy in [Proxy::http_with_login("me", "p%ss"), Proxy::socks5_with_login("me", "word")] {
        let yard = at(Hub::start());
        let url = proxy.url_with_login().replacen("p%ss", "p%25ss", 1);
        let ran = with(&yard, &[("ALL_PROXY", &url)], &DOWNLOAD).expect(0);
        yard.assert_whole(ID);
        nobody_wrote("p%25ss", yard.path(), &[&ran]);
        nobody_wrote(":word@", yard.path(), &[&ran]);
    }
}

#[test]
fn a_private_authority_is_trusted_where_the_environment_names_it() {
    let yard = at(Hub::https());
    yard.download(&[]).expect(0);
    yard.assert_whole(ID);
    let yard = at(Hub::https());
    let begun = Instant::now();
    let vars = [("SSL_CERT_FILE", "-"), ("REQUESTS_CA_BUNDLE", "-")];
    let ran = with(&yard, &vars, &DOWNLOAD).expect(1);
    assert!(ran.err.contains("ertificate"), "{}", ran.err);
    assert!(begun.elapsed() < Duration::from_secs(10), "trying again does not help");
    yard.assert_nothing_of(ID);
    let missing = with(&yard, &[("SSL_CERT_FILE", "/nonexistent.pem"), ("REQUESTS_CA_BUNDLE", "-")], &DOWNLOAD);
    assert!(missing.code == 1 && missing.err.contains("/nonexistent.pem"), "{missing:?}");
    let proxy = Proxy::http();
    let yard = at(Hub::https());
    with(&yard, &[("HTTPS_PROXY", &proxy.url())], &DOWNLOAD).expect(0);
    yard.assert_whole(ID);
    assert!(proxy.hosts().len() >= 2, "{:?}", proxy.hosts());
}

#[test]
fn a_mirror_stands_in_for_the_hub() {
    let yard = at(Hub::start());
    let proxy = Proxy::http();
    proxy.leads("mirror.example", yard.hub.address());
    let vars = [("HF_ENDPOINT", "http://mirror.example/"), ("http_proxy", &proxy.url())];
    with(&yard, &vars, &DOWNLOAD).expect(0);
    yard.assert_whole(ID);
    assert!(proxy.hosts().contains(&"mirror.example:80".to_owned()), "{:?}", proxy.hosts());
    assert!(!yard.text("modelstrap.lock").contains("mirror.example"), "the lock is for everybody");
    for endpoint in ["mirror.example", "ftp://h", "http://"] {
        let ran = with(&yard, &[("HF_ENDPOINT", endpoint)], &["models", "update"]).expect(1);
        assert!(ran.err.contains("HF_ENDPOINT"), "{}", ran.err);
    }
}

#[test]
fn without_a_network_no_socket_is_opened_and_each_missing_file_is_named() {
    let yard = at(Hub::start());
    yard.modelstrap(&["models", "lock"]).expect(0);
    yard.hub.forget();
    type Way<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str]);
    let ways: [Way<'_>; 3] = [
        (&[], &["--offline", "models", "download"]),
        (&[("HF_HUB_OFFLINE", "1")], &DOWNLOAD),
        (&[("TRANSFORMERS_OFFLINE", "1")], &DOWNLOAD),
    ];
    for (vars, arguments) in ways {
        let ran = with(&yard, vars, arguments).expect(1);
        assert!(ran.err.contains("config.json") && ran.err.contains("model.safetensors"), "{}", ran.err);
        assert!(ran.err.contains("the network is switched off"), "{}", ran.err);
        yard.assert_nothing_of(ID);
        assert_eq!(yard.hub.connections(), 0);
    }
    let without_a_lock = at(Hub::start());
    without_a_lock.modelstrap(&["--offline", "models", "lock"]).expect(1).says(&["the network is switched off"]);
    assert_eq!(without_a_lock.hub.connections(), 0);
    let many = Yard::new("tiny = \"hf:org/tiny\"");
    many.hub.model(ID).files(12, |n| (format!("part-{n}.txt"), format!("{n}"))).commit();
    many.modelstrap(&["models", "lock"]).expect(0);
    let ran = many.modelstrap(&["--offline", "models", "download"]).expect(1);
    let named = (0..12).filter(|n| ran.err.contains(&format!("part-{n}.txt"))).count();
    assert_eq!(named, 12, "{}", ran.err);
    // With everything here, nothing is missing.
    yard.download(&[]).expect(0);
    yard.hub.forget();
    for (vars, arguments) in ways {
        with(&yard, vars, arguments).expect(0);
        assert_eq!(yard.hub.connections(), 0);
    }
}

#[test]
fn a_limit_of_the_rate_holds_for_all_connections_together() {
    for (files, size) in [(1, 12_u64 << 20), (12, 1 << 20)] {
        let yard = Yard::new("tiny = \"hf:org/tiny\"");
        let mut draft = yard.hub.model(ID);
        for n in 0..files {
            draft = draft.lfs(&format!("{n}.bin"), Content::pattern(n, size));
        }
        draft.commit();
        let begun = Instant::now();
        yard.download(&["--limit-rate", "4MB"]).expect(0);
        let took = begun.elapsed().as_secs_f64();
        assert!((2.8..8.0).contains(&took), "{files} files in {took} s instead of 3.1");
        yard.assert_whole(ID);
    }
}

#[test]
fn one_worker_asks_for_one_thing_at_a_time() {
    let yard = Yard::new("tiny = \"hf:org/tiny\"");
    let mut draft = yard.hub.model(ID).lfs("large.bin", Content::pattern(9, 12 << 20));
    for n in 0..20 {
        draft = draft.lfs(&format!("{n}.bin"), Content::pattern(n, 5000));
    }
    draft.commit();
    yard.modelstrap(&["models", "lock"]).expect(0);
    yard.hub.forget();
    yard.download(&["--frozen", "--max-workers", "1"]).expect(0);
    yard.assert_whole(ID);
    assert_eq!(yard.hub.most_at_once(), 1);
    // One to the hub and one to the CDN, and none that was thrown away after a redirect.
    assert_eq!(yard.hub.connections(), 2);
}

#[test]
fn a_slow_and_distant_hub_changes_nothing_but_the_time() {
    let speed = Speed { round_trip: Duration::from_millis(40), bytes_a_second: 8 << 20 };
    let yard = Yard::at(Hub::behind(speed), "tiny = \"hf:org/tiny\"");
    yard.hub.model(ID).file("config.json", "{}").lfs("model.safetensors", Content::pattern(1, 24 << 20)).commit();
    let begun = Instant::now();
    yard.download(&[]).expect(0);
    yard.assert_whole(ID);
    assert!(begun.elapsed() < Duration::from_secs(8), "3 s is the link's own time: {:?}", begun.elapsed());
}
