//! Small files over one connection.

use super::server::{Answer, Fault, Server};
use super::*;

#[test]
fn a_file_comes_and_is_not_asked_for_again() {
    let (room, bytes) = (Room::new(), content(100_000));
    let served = bytes.clone();
    let server = Server::new(move |request, _| Answer::file(request, &served, "\"1\""));
    let artifact = room.artifact(&server.url("/f"), &bytes);
    let (outcome, events) = told(&artifact, &quick());
    assert_here(&room, &outcome, &bytes);
    assert_eq!(events, ["started", "progress", "done"]);
    assert_eq!(outcome.received, 100_000);
    assert!(matches!(get(&artifact).result, Ok(None)));
    assert_eq!(server.ranges(), ["-"]);
}

#[test]
fn a_cut_connection_goes_on_where_it_was_cut() {
    let (room, bytes) = (Room::new(), content(300_000));
    let served = bytes.clone();
    let server = Server::new(move |request, number| {
        let answer = Answer::file(request, &served, "\"1\"");
        if number < 2 { answer.then(100_000, Fault::Cut) } else { answer }
    });
    let outcome = get(&room.artifact(&server.url("/f"), &bytes));
    assert_here(&room, &outcome, &bytes);
    assert_eq!(server.ranges(), ["-", "bytes=100000-", "bytes=200000-"]);
}

#[test]
fn a_stalled_connection_is_given_up_and_the_rest_asked_for() {
    let (room, bytes) = (Room::new(), content(50_000));
    let served = bytes.clone();
    let server = Server::new(move |request, number| {
        let answer = Answer::file(request, &served, "\"1\"");
        if number == 0 { answer.then(20_000, Fault::Stall) } else { answer }
    });
    let outcome = get(&room.artifact(&server.url("/f"), &bytes));
    assert_here(&room, &outcome, &bytes);
    assert_eq!(server.ranges(), ["-", "bytes=20000-"]);
}

#[test]
fn a_connection_that_only_drips_is_replaced_and_its_bytes_are_kept() {
    let (room, bytes) = (Room::new(), content(50_000));
    let served = bytes.clone();
    let server = Server::new(move |request, number| {
        let answer = Answer::file(request, &served, "\"1\"");
        if number == 0 { answer.then(0, Fault::Drip) } else { answer }
    });
    let artifact = room.artifact(&server.url("/f"), &bytes);
    let begun = std::time::Instant::now();
    let outcome = get(&artifact);
    assert_here(&room, &outcome, &bytes);
    let ranges = server.ranges();
    let kept = ranges[1].strip_prefix("bytes=").and_then(|range| range.strip_suffix('-')?.parse::<u64>().ok());
    assert!(ranges.len() == 2 && kept.is_some_and(|kept| (5..100).contains(&kept)), "{ranges:?}");
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
}

#[test]
fn a_bandwidth_limit_is_not_the_servers_crawl() {
    let (room, bytes) = (Room::new(), content(3_000));
    let served = bytes.clone();
    let server = Server::new(move |request, _| Answer::file(request, &served, "\"1\""));
    let options = Options { limit_rate: Some(600), stall: Duration::from_millis(200), ..quick() };
    let (outcome, events) = told(&room.artifact(&server.url("/f"), &bytes), &options);
    assert_here(&room, &outcome, &bytes);
    assert!(!events.contains(&"retry"), "{events:?}");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_connection_that_brings_nothing_ends_in_an_error_and_the_bytes_are_kept_for_the_next_run() {
    let (room, bytes) = (Room::new(), content(50_000));
    let served = bytes.clone();
    let server = Server::new(move |request, number| {
        let answer = Answer::file(request, &served, "\"1\"");
        if number == 0 { answer.then(20_000, Fault::Cut) } else { answer.then(0, Fault::Cut) }
    });
    let artifact = room.artifact(&server.url("/f"), &bytes);
    let text = refusal(&room, get(&artifact));
    assert_eq!(text, format!("{}: the connection was cut, tried 6 times", server.url("/f")));
    assert_eq!(resumable(&artifact), 20_000);

    let served = bytes.clone();
    let server = Server::new(move |request, _| Answer::file(request, &served, "\"1\""));
    let outcome = get(&room.artifact(&server.url("/f"), &bytes));
    assert_here(&room, &outcome, &bytes);
    assert_eq!(server.ranges(), ["bytes=20000-"]);
    assert_eq!(outcome.received, 30_000);
}

#[test]
fn a_server_that_ignores_ranges_sends_everything_again() {
    let (room, bytes) = (Room::new(), content(50_000));
    let served = bytes.clone();
    let server = Server::new(move |_, number| {
        let answer = Answer::new(200, served.clone());
        if number == 0 { answer.then(20_000, Fault::Cut) } else { answer }
    });
    let (outcome, events) = told(&room.artifact(&server.url("/f"), &bytes), &quick());
    assert_here(&room, &outcome, &bytes);
    assert_eq!(events.iter().filter(|event| **event == "restarted").count(), 1);
}

#[test]
fn a_range_that_does_not_exist_and_a_changed_file_begin_once_more() {
    for changed in [
        Answer::new(416, "").with("content-range", "bytes */50000"),
        Answer::new(206, "x").with("content-range", "bytes 20000-20000/20001").with("etag", "\"2\""),
    ] {
        let (room, bytes) = (Room::new(), content(50_000));
        let (served, changed) = (bytes.clone(), Mutex::new(Some(changed)));
        let server = Server::new(move |request, number| match number {
            0 => Answer::file(request, &served, "\"1\"").then(20_000, Fault::Cut),
            1 => changed.lock().unwrap().take().unwrap(),
            _ => Answer::file(request, &served, "\"1\""),
        });
        let outcome = get(&room.artifact(&server.url("/f"), &bytes));
        assert_here(&room, &outcome, &bytes);
        assert_eq!(server.ranges(), ["-", "bytes=20000-", "-"]);
    }
}

#[test]
fn one_wrong_byte_keeps_the_file_away_and_both_digests_are_told() {
    let (room, bytes) = (Room::new(), content(50_000));
    let mut served = bytes.clone();
    served[40_000] ^= 1;
    let server = Server::new(move |request, _| Answer::file(request, &served, "\"1\""));
    let artifact = room.artifact(&server.url("/f?signature=secret"), &bytes);
    let text = refusal(&room, get(&artifact));
    assert!(text.contains("wrong content") && text.contains(&artifact.digest.unwrap().to_string()), "{text}");
    assert!(!text.contains("secret"));
    assert_eq!(room.left(), Vec::<String>::new());
}

#[test]
fn a_partial_that_turns_out_wrong_is_thrown_away_and_the_file_fetched_afresh() {
    let (room, bytes) = (Room::new(), content(50_000));
    let served = bytes.clone();
    let server = Server::new(move |request, _| Answer::file(request, &served, "\"1\""));
    let artifact = room.artifact(&server.url("/f"), &bytes);
    fs::create_dir_all(&artifact.partials).unwrap();
    fs::write(artifact.partials.join(format!("{}.part", artifact.digest.unwrap().hex())), [7; 10_000]).unwrap();
    let outcome = get(&artifact);
    assert_here(&room, &outcome, &bytes);
    assert_eq!(server.ranges(), ["bytes=10000-", "-"]);
}

#[test]
fn a_wrong_length_is_an_error_that_names_both() {
    let (room, bytes) = (Room::new(), content(5_000));
    let server = Server::new(|_, _| Answer::new(200, content(4_000)));
    let text = refusal(&room, get(&room.artifact(&server.url("/f"), &bytes)));
    assert!(text.contains("4000 bytes long instead of 5000"), "{text}");
    let server =
        Server::new(|_, _| Answer::new(200, content(3_000)).with("content-length", 5_000).then(3_000, Fault::Cut));
    let text = refusal(&room, get(&room.artifact(&server.url("/f"), &bytes)));
    assert!(text.contains("tried"), "{text}");
}

#[test]
fn compressed_bytes_are_not_taken_for_the_file() {
    let (room, bytes) = (Room::new(), content(5_000));
    let served = bytes.clone();
    let server = Server::new(move |_, _| Answer::new(200, served.clone()).with("content-encoding", "gzip"));
    let text = refusal(&room, get(&room.artifact(&server.url("/f"), &bytes)));
    assert!(text.contains("encoded as gzip"), "{text}");
    assert_eq!(server.requests()[0].header("accept-encoding"), Some("identity"));
}

#[test]
fn an_empty_file_needs_no_request() {
    let room = Room::new();
    let server = Server::new(|_, _| Answer::new(500, ""));
    let outcome = get(&room.artifact(&server.url("/f"), b""));
    assert_here(&room, &outcome, b"");
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn without_size_and_digest_the_proof_is_what_came() {
    for length in [0, 1, 70_000, 5_000_000] {
        let (room, bytes) = (Room::new(), content(length));
        let served = bytes.clone();
        let server = Server::new(move |request, _| Answer::file(request, &served, "\"1\""));
        let artifact = Artifact { size: None, digest: None, ..room.artifact(&server.url("/f"), &bytes) };
        let outcome = get(&artifact);
        assert_here(&room, &outcome, &bytes);
        let proof = outcome.result.unwrap().unwrap();
        assert_eq!((proof.size, proof.digest), (length as u64, Digest::Sha256(Sha256::digest(&bytes).into())));
    }
}

#[test]
fn what_does_not_fit_is_told_before_the_first_byte() {
    let room = Room::new();
    let server = Server::new(|_, _| Answer::new(500, ""));
    let artifact = Artifact { size: Some(1 << 60), ..room.artifact(&server.url("/f"), b"x") };
    assert!(matches!(get(&artifact).result, Err(Error::NoRoom { needed, .. }) if needed == 1 << 60));
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_steward_can_keep_a_file_from_its_name_and_files_for_one_place_come_once() {
    struct Never;
    impl Steward for Never {
        fn admit(
            &self,
            _: &Artifact,
            file: &std::path::Path,
            bytes: Option<&[u8]>,
            proof: &Proof,
        ) -> Result<(), String> {
            assert_eq!(fs::metadata(file).unwrap().len(), proof.size);
            assert!(bytes.is_none_or(|bytes| bytes == fs::read(file).unwrap()));
            Err("it is a pickle".to_owned())
        }
    }
    let (room, bytes) = (Room::new(), content(5_000));
    let served = bytes.clone();
    let server = Server::new(move |request, _| Answer::file(request, &served, "\"1\""));
    let artifact = room.artifact(&server.url("/f"), &bytes);
    let two = [artifact.clone(), artifact];
    let outcomes = fetch(&client(), &two, &Never, &quick(), &|_| {});
    assert!(
        outcomes.iter().all(|outcome| matches!(&outcome.result, Err(Error::Refused(why)) if why == "it is a pickle"))
    );
    assert_eq!(server.requests().len(), 1);
    let outcomes = fetch(&client(), &two, &Anything, &quick(), &|_| {});
    assert!(matches!((&outcomes[0].result, &outcomes[1].result), (Ok(Some(_)), Ok(None))));
    assert_eq!(server.requests().len(), 1, "the bytes were here already");
}

#[test]
fn two_engines_on_one_file_fetch_it_once() {
    let (room, bytes) = (Room::new(), content(400_000));
    let served = bytes.clone();
    let server = Server::new(move |request, _| {
        std::thread::sleep(Duration::from_millis(150));
        Answer::file(request, &served, "\"1\"")
    });
    let artifact = room.artifact(&server.url("/f"), &bytes);
    std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3).map(|_| scope.spawn(|| get(&artifact))).collect();
        let results: Vec<_> = runs.into_iter().map(|run| run.join().unwrap().result.unwrap().is_some()).collect();
        assert_eq!(results.iter().filter(|fetched| **fetched).count(), 1, "{results:?}");
    });
    assert!(fs::read(room.file()).unwrap() == bytes);
    assert_eq!(server.requests().len(), 1);
    assert_eq!(room.left(), Vec::<String>::new());
}
