//! Large files over several connections.

use super::server::{Answer, Fault, Server};
use super::*;
use crate::fetch::ranges::Ranges;
use crate::fetch::side::{Identity, Side};

const SIZE: usize = 10 << 20;

#[test]
fn a_large_file_comes_in_ranges_that_cover_it_once() {
    let (room, bytes) = (Room::new(), content(SIZE));
    let served = bytes.clone();
    let server = Server::new(move |request, _| Answer::file(request, &served, "\"1\""));
    let (outcome, events) = told(&room.artifact(&server.url("/f"), &bytes), &quick());
    assert_here(&room, &outcome, &bytes);
    assert_eq!(outcome.received, SIZE as u64);
    assert!(server.requests().len() > 4);
    assert_eq!((events.first(), events.last()), (Some(&"started"), Some(&"done")));
    assert!(events.contains(&"verifying") && !events.contains(&"retry"), "{events:?}");
}

#[test]
fn cut_and_stalled_ranges_go_on_and_a_dying_server_leaves_what_the_next_run_uses() {
    let (room, bytes) = (Room::new(), content(SIZE));
    let served = bytes.clone();
    let server = Server::new(move |request, number| {
        let answer = Answer::file(request, &served, "\"1\"");
        match number {
            0..4 => answer.then(300_000, Fault::Cut),
            4 => answer.then(200_000, Fault::Stall),
            5..10 => answer,
            _ => Answer::new(404, "gone"),
        }
    });
    let artifact = room.artifact(&server.url("/f"), &bytes);
    let text = refusal(&room, get(&artifact));
    assert!(text.ends_with("answered 404: gone"), "{text}");
    let kept = resumable(&artifact);
    assert!(kept >= 300_000, "{kept} bytes are kept");

    let served = bytes.clone();
    let server = Server::new(move |request, _| Answer::file(request, &served, "\"1\""));
    let outcome = get(&Artifact { url: server.url("/other"), ..artifact });
    assert_here(&room, &outcome, &bytes);
    assert_eq!(outcome.received, SIZE as u64 - kept);
}

#[test]
fn a_server_that_ignores_ranges_sends_one_stream() {
    let (room, bytes) = (Room::new(), content(SIZE));
    let served = bytes.clone();
    let server = Server::new(move |_, _| Answer::new(200, served.clone()));
    let outcome = get(&room.artifact(&server.url("/f"), &bytes));
    assert_here(&room, &outcome, &bytes);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_file_that_changes_between_its_ranges_is_fetched_anew_as_one_version() {
    let (room, old, new) =
        (Room::new(), content(SIZE), content(SIZE).into_iter().map(|byte| byte ^ 1).collect::<Vec<_>>());
    let served = (old, new.clone());
    let server = Server::new(move |request, number| match number {
        0..4 => Answer::file(request, &served.0, "\"old\""),
        _ => Answer::file(request, &served.1, "\"new\""),
    });
    let (outcome, events) = told(&room.artifact(&server.url("/f"), &new), &quick());
    assert_here(&room, &outcome, &new);
    assert!(events.contains(&"restarted"));
}

#[test]
fn a_file_that_never_stops_changing_ends_in_an_error() {
    let (room, bytes) = (Room::new(), content(SIZE));
    let served = bytes.clone();
    let server = Server::new(move |request, number| Answer::file(request, &served, &format!("\"{number}\"")));
    let artifact = Artifact { digest: None, ..room.artifact(&server.url("/f"), &bytes) };
    let text = refusal(&room, get(&artifact));
    assert!(text.contains("changes again and again"), "{text}");
}

#[test]
fn where_the_digest_is_known_it_decides_whatever_tag_each_answer_has() {
    let (room, bytes) = (Room::new(), content(SIZE));
    let served = bytes.clone();
    let server = Server::new(move |request, number| Answer::file(request, &served, &format!("\"{number}\"")));
    let outcome = get(&room.artifact(&server.url("/f"), &bytes));
    assert_here(&room, &outcome, &bytes);
    assert_eq!(outcome.received, SIZE as u64);
}

#[test]
fn a_wrong_byte_in_a_resumed_file_is_cured_and_one_from_the_server_is_not() {
    let (room, bytes) = (Room::new(), content(SIZE));
    let served = bytes.clone();
    let server = Server::new(move |request, _| Answer::file(request, &served, "\"1\""));
    let artifact = room.artifact(&server.url("/f"), &bytes);
    fs::create_dir_all(&artifact.partials).unwrap();
    fs::write(artifact.partials.join(format!("{}.part", artifact.digest.unwrap().hex())), vec![7; 1 << 20]).unwrap();
    assert_eq!(resumable(&artifact), 1 << 20);
    let outcome = get(&artifact);
    assert_here(&room, &outcome, &bytes);

    let room = Room::new();
    let mut served = bytes.clone();
    served[SIZE / 2] ^= 1;
    let server = Server::new(move |request, _| Answer::file(request, &served, "\"1\""));
    let text = refusal(&room, get(&room.artifact(&server.url("/f"), &bytes)));
    assert!(text.contains("wrong content"), "{text}");
    assert_eq!(room.left(), Vec::<String>::new());
}

#[test]
fn what_a_killed_run_left_is_used_whatever_tag_the_server_gives_now() {
    let (room, bytes) = (Room::new(), content(SIZE));
    let served = bytes.clone();
    let server = Server::new(move |request, _| Answer::file(request, &served, "\"new\""));
    let artifact = room.artifact(&server.url("/f"), &bytes);
    let digest = artifact.digest.unwrap();
    fs::create_dir_all(&artifact.partials).unwrap();
    fs::write(artifact.partials.join(format!("{}.part", digest.hex())), &bytes[..SIZE / 2]).unwrap();
    let mut done = Ranges::default();
    done.add(0, SIZE as u64 / 2);
    let identity =
        Identity { digest: Some(digest.to_string()), size: Some(SIZE as u64), etag: Some("\"old\"".to_owned()) };
    Side::create(&artifact.partials.join(format!("{}.state", digest.hex())), &identity, &done).unwrap();
    let outcome = get(&artifact);
    assert_here(&room, &outcome, &bytes);
    assert_eq!(outcome.received, (SIZE - SIZE / 2) as u64);
}

#[test]
fn a_signed_address_serves_all_ranges_until_it_expires() {
    let (room, bytes) = (Room::new(), content(SIZE));
    let served = bytes.clone();
    let server = Server::new(move |request, number| {
        if request.path == "/f" {
            return Answer::new(302, "").with("location", format!("/signed?{}", usize::from(number > 0)));
        }
        if request.path == "/signed?0" && number > 5 {
            return Answer::new(403, "expired");
        }
        Answer::file(request, &served, "\"1\"")
    });
    let options = Options { max_workers: Some(2), ..quick() };
    let (outcome, _) = told(&room.artifact(&server.url("/f"), &bytes), &options);
    assert_here(&room, &outcome, &bytes);
    let asked = server.requests().iter().filter(|request| request.path == "/f").count();
    assert!((2..=3).contains(&asked), "resolved {asked} times");
}

#[test]
fn a_large_file_of_unknown_size_comes_in_ranges_too() {
    let (room, bytes) = (Room::new(), content(SIZE));
    let served = bytes.clone();
    let server = Server::new(move |request, _| Answer::file(request, &served, "\"1\""));
    let artifact = Artifact { size: None, digest: None, ..room.artifact(&server.url("/f"), &bytes) };
    let outcome = get(&artifact);
    assert_here(&room, &outcome, &bytes);
    assert!(server.requests().len() > 4);
}

#[test]
fn what_an_earlier_version_left_behind_the_end_is_cut_off() {
    for size in [30_000, SIZE] {
        let (room, bytes) = (Room::new(), content(size));
        let served = bytes.clone();
        let server = Server::new(move |request, _| Answer::file(request, &served, "\"1\""));
        let artifact = Artifact { digest: None, size: None, ..room.artifact(&server.url("/f"), &bytes) };
        fs::create_dir_all(&artifact.partials).unwrap();
        let name = format!("url-{}.part", crate::support::digest::sha256(artifact.url.as_bytes()));
        fs::write(artifact.partials.join(name), vec![7; SIZE + 5]).unwrap();
        assert_eq!(resumable(&artifact), 0);
        let outcome = get(&artifact);
        assert_here(&room, &outcome, &bytes);
    }
}
