//! A download that was killed, stopped, or ran out of disk goes on where it was; two at once do not hurt each other.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::download::{ID, PATIENCE, Running, Yard};
use crate::support::hub::{Content, Later};
use crate::support::project::{PROGRAM, may_mount};
use crate::support::{hub, programs, python};

const MIB: u64 = 1 << 20;
/// A file that comes in ranges.
const LARGE: u64 = 48 * MIB;
/// The range in which such a file is fetched.
const RANGE: u64 = MIB;
/// What 24 connections hold in memory, or in their sockets, and have not written yet.
const UNDER_WAY: u64 = 24 * (160 << 10);

/// A large file that comes at some 20 MB/s over all connections.
fn crawling() -> Yard {
    let yard = Yard::tiny(&Content::pattern(1, LARGE));
    yard.hub.cdn().on("*.safetensors").crawls_at(MIB);
    yard
}

/// Starts a download, and lets it come so far.
fn half_way(yard: &Yard, bytes: u64) -> Running {
    let mut running = yard.start(&mut yard.command(&["models", "download"]));
    running.until(|| yard.sent() >= bytes);
    running
}

/// Goes on, and fails if more bytes were asked for than were missing, and a range.
#[track_caller]
fn goes_on(yard: &Yard, had: u64, slack: u64) {
    yard.hub.cdn().behaves();
    yard.hub.forget();
    yard.download(&[]).expect(0);
    yard.assert_whole(ID);
    let again = yard.sent();
    let missing = LARGE - had;
    assert!(again <= missing + slack, "{had} were there, {again} came, {} too many", again - missing);
}

#[test]
fn a_killed_download_asks_for_the_missing_bytes_and_at_most_one_range_more() {
    for part in [1, 2, 3] {
        let yard = crawling();
        let running = half_way(&yard, LARGE * part / 4);
        let had = yard.sent();
        running.signal("KILL");
        assert_eq!(running.end(PATIENCE).code, 137);
        assert!(yard.shared(ID).keys().all(|path| !path.ends_with("safetensors")), "nothing under the final name");
        assert!(yard.partial_bytes() > 0);
        goes_on(&yard, had, RANGE + UNDER_WAY);
    }
}

#[test]
fn bytes_that_a_digest_will_prove_are_kept_whatever_the_server_calls_them_today() {
    let yard = crawling();
    let running = half_way(&yard, LARGE / 2);
    let had = yard.sent();
    running.signal("KILL");
    running.end(PATIENCE);
    yard.hub.cdn().behaves();
    yard.hub.another_edge();
    yard.hub.forget();
    yard.download(&[]).expect(0);
    yard.assert_whole(ID);
    assert!(yard.sent() <= LARGE - had + RANGE + UNDER_WAY, "{had} were there, {} came", yard.sent());
}

#[test]
fn a_download_that_is_killed_again_and_again_comes_to_its_end() {
    let yard = crawling();
    let mut total = 0;
    for _ in 0..4 {
        yard.hub.forget();
        let running = half_way(&yard, LARGE / 6);
        running.signal("KILL");
        running.end(PATIENCE);
        total += LARGE / 6;
    }
    goes_on(&yard, total, 5 * (RANGE + UNDER_WAY));
}

#[test]
fn unfinished_bytes_that_were_spoilt_meanwhile_never_become_a_file() {
    type Spoil = fn(&Path);
    let spoils: [(&str, Spoil); 7] = [
        ("a byte of the part", |path| edit(path, "part", |bytes| bytes.iter_mut().for_each(|byte| *byte ^= 1))),
        ("a shorter part", |path| edit(path, "part", |bytes| bytes.truncate(bytes.len() / 3))),
        ("a longer part", |path| edit(path, "part", |bytes| bytes.resize(LARGE as usize + 7, 1))),
        ("no part", |path| fs::remove_file(path.with_extension("part")).unwrap()),
        ("a shorter state", |path| edit(path, "state", |bytes| bytes.truncate(bytes.len() / 2))),
        ("noise for a state", |path| edit(path, "state", |bytes| bytes.fill(0xa5))),
        ("no state", |path| fs::remove_file(path.with_extension("state")).unwrap()),
    ];
    for (what, spoil) in spoils {
        let yard = crawling();
        let running = half_way(&yard, LARGE / 4);
        running.signal("KILL");
        running.end(PATIENCE);
        yard.hub.cdn().behaves();
        let part = yard.unfinished().into_iter().find(|path| path.ends_with(".part")).unwrap();
        spoil(&yard.place(".cache").join(part));
        let ran = yard.download(&[]);
        assert_eq!(ran.code, 0, "{what}: {}", ran.err);
        println!("{what}");
        yard.assert_whole(ID);
    }
}

/// Changes the bytes of a file beside `path`.
fn edit(path: &Path, extension: &str, change: impl Fn(&mut Vec<u8>)) {
    let path = path.with_extension(extension);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_file_of_the_cache_that_was_cut_or_removed_comes_again() {
    let yard = Yard::tiny(&Content::pattern(1, 300_000));
    yard.download(&[]).expect(0);
    let blob = yard.folder(ID).join("blobs").join(Content::pattern(1, 300_000).sha256());
    for change in ["cut", "removed", "link removed", "reference removed"] {
        match change {
            "cut" => fs::write(&blob, "short").unwrap(),
            "removed" => fs::remove_file(&blob).unwrap(),
            "link removed" => {
                let links: Vec<_> = yard.shared(ID).into_keys().filter(|path| path.starts_with("snapshots/")).collect();
                links.iter().for_each(|link| fs::remove_file(yard.folder(ID).join(link)).unwrap());
            }
            _ => fs::remove_file(yard.folder(ID).join("refs/main")).unwrap(),
        }
        println!("{change}");
        yard.download(&["--frozen"]).expect(0);
        yard.assert_whole(ID);
    }
}

#[test]
fn many_small_files_that_were_killed_midway_are_not_asked_for_again() {
    let yard = Yard::new("tiny = \"hf:org/tiny\"");
    let size = 20_000;
    let mut draft = yard.hub.model(ID);
    for n in 0..300 {
        draft = draft.lfs(&format!("{n}.bin"), Content::pattern(n, size));
    }
    draft.commit();
    yard.hub.cdn().on("*").drips(4_000, Duration::from_millis(20));
    let running = half_way(&yard, 150 * size);
    running.signal("KILL");
    running.end(PATIENCE);
    let here = yard.shared(ID).keys().filter(|path| path.starts_with("blobs/")).count();
    yard.hub.behaves();
    yard.hub.forget();
    yard.download(&["--frozen"]).expect(0);
    yard.assert_whole(ID);
    let asked: Vec<_> = yard.hub.requests_to("GET", "*/resolve/*");
    assert!(asked.len() <= 300 - here, "{here} were here, {} were asked for", asked.len());
    assert!(yard.sent() <= (150 + 64) * size + 300 * 300, "{}", yard.sent());
}

#[test]
fn ctrl_c_ends_with_130_tells_how_to_go_on_and_keeps_what_came() {
    for signal in ["INT", "TERM"] {
        let yard = crawling();
        let running = half_way(&yard, LARGE / 2);
        let had = yard.sent();
        let begun = Instant::now();
        running.signal(signal);
        let ran = running.end(PATIENCE).expect(130);
        assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
        assert!(
            ran.err.contains("stopped; what was fetched is kept, and the same command goes on from there"),
            "{}",
            ran.err
        );
        assert!(yard.partial_bytes() > LARGE / 3);
        goes_on(&yard, had, RANGE + UNDER_WAY);
    }
}

#[test]
fn ctrl_c_ends_every_kind_of_waiting() {
    for what in ["a listing", "an answer", "a pause", "a body", "a lock"] {
        let yard = Yard::tiny(&Content::pattern(1, 300_000));
        let hour = Later::Seconds(200);
        let struck = match what {
            "a listing" => yard.hub.on("/api/*").waits(Duration::from_secs(60)),
            "an answer" => yard.hub.cdn().on("*").waits(Duration::from_secs(60)),
            "a pause" => yard.hub.on("*/resolve/*").answers(429, hour),
            _ => yard.hub.cdn().on("*").stalls_at(1000),
        };
        let mut other = None;
        if what == "a lock" {
            other = Some(half_way(&yard, 1000));
        }
        let mut running = yard.start(&mut yard.command(&["models", "download"]));
        running.until(|| struck.count() > 0);
        thread::sleep(Duration::from_millis(500));
        let begun = Instant::now();
        running.signal("INT");
        let ran = running.end(PATIENCE);
        assert_eq!(ran.code, 130, "{what}: {}", ran.err);
        assert!(ran.err.contains("stopped; "), "{what}: {}", ran.err);
        assert!(begun.elapsed() < Duration::from_secs(3), "{what}: {:?}", begun.elapsed());
        if let Some(other) = other {
            other.signal("KILL");
            other.end(PATIENCE);
        }
    }
}

#[test]
fn two_runs_at_once_share_the_work_and_both_end_well() {
    let yard = crawling();
    let one = half_way(&yard, MIB);
    let two = yard.start(&mut yard.command(&["models", "download"]));
    one.end(PATIENCE).expect(0);
    two.end(PATIENCE).expect(0);
    yard.assert_whole(ID);
    assert!(yard.sent() < LARGE + MIB, "{}", yard.sent());
    // One that is killed leaves its work to the other.
    let yard = crawling();
    let one = half_way(&yard, MIB);
    let two = yard.start(&mut yard.command(&["models", "download"]));
    thread::sleep(Duration::from_millis(700));
    let had = yard.sent();
    one.signal("KILL");
    one.end(PATIENCE);
    two.end(PATIENCE).expect(0);
    yard.assert_whole(ID);
    assert!(had < LARGE && yard.sent() < LARGE + RANGE + UNDER_WAY, "{}", yard.sent());
}

#[test]
fn pythons_client_and_ours_at_once_leave_the_same_cache() {
    let Some(python) = python::python_with("MODELSTRAP_TEST_PYTHON", "huggingface_hub") else { return };
    let yard = crawling();
    let mut theirs = yard.program(&python);
    theirs.env("HF_HOME", yard.place(".cache/huggingface"));
    theirs.args(["-c", "from huggingface_hub import snapshot_download; print(snapshot_download('org/tiny'))"]);
    let theirs = yard.start(&mut theirs);
    let ours = yard.start(&mut yard.command(&["models", "download"]));
    ours.end(PATIENCE).expect(0);
    theirs.end(Duration::from_secs(120)).expect(0);
    yard.assert_whole(ID);
    yard.modelstrap(&["models", "verify"]).expect(0);
}

/// A shell in its own mount namespace, as root; `$1` is the program, `$2` the room, and `$2/p/.cache` a disk of that size.
fn on_a_disk_of(yard: &Yard, megabytes: u64, script: &str) -> Running {
    let script = format!(
        "mkdir -p \"$2/p/.cache\"; mount -t tmpfs -o size={megabytes}m none \"$2/p/.cache\"; cd \"$2/p\"; code=0; {script}; \
         mkdir \"$2/after\"; cp -a \"$2/p/.cache/.\" \"$2/after\"; exit $code"
    );
    let mut command = yard.program("unshare");
    command.args(["-m", "--propagation", "private", "sh", "-eu", "-c", &script, "sh", PROGRAM]).arg(yard.path());
    yard.start(&mut command)
}

#[test]
fn a_disk_without_room_is_told_before_the_first_byte() {
    if !may_mount() {
        return;
    }
    let yard = Yard::tiny(&Content::pattern(1, LARGE));
    let ran = on_a_disk_of(&yard, 20, "\"$1\" models download || code=$?").end(PATIENCE).expect(1);
    assert!(ran.err.contains("needs 50.3 MB and has 2"), "{}", ran.err);
    assert_eq!(yard.hub.requests_to("*", "*.safetensors").len(), 0);
    assert_eq!(hub::tree(&yard.path().join("after")).keys().filter(|path| path.contains("/blobs/")).count(), 0);
}

#[test]
fn a_disk_that_is_full_midway_is_told_and_the_next_run_goes_on() {
    if !may_mount() {
        return;
    }
    let yard = crawling();
    let script = "\"$1\" models download & pid=$!
        until [ \"$(du -sm .cache | cut -f1)\" -ge 12 ]; do sleep 0.05; done
        head -c 60000000 /dev/zero > .cache/filler 2>/dev/null || :
        wait $pid || echo \"first: $?\"
        find .cache -name '*safetensors' | sed 's/^/left: /'
        rm .cache/filler; du -sk .cache | cut -f1 | sed 's/^/kept: /'
        \"$1\" models download || code=$?";
    let ran = on_a_disk_of(&yard, 60, script).end(PATIENCE).expect(0);
    assert!(ran.out.contains("first: 1\n") && !ran.out.contains("left:"), "{ran:?}");
    assert!(ran.err.contains("tiny is not here") && ran.err.contains(" free"), "{}", ran.err);
    let kept: u64 = ran.out.lines().find_map(|line| line.strip_prefix("kept: ")).unwrap().parse().unwrap();
    assert!(kept > 8_000, "{kept} kB");
    let mut whole = hub::shared_part(&yard.path().join("after/huggingface/hub/models--org--tiny"));
    whole.retain(|path, _| !path.starts_with("refs/refs/"));
    assert_eq!(whole, yard.hub.expected_cache(hub::Kind::Model, ID, "main", |_| true));
    assert!(yard.sent() < LARGE + 26 * (RANGE + UNDER_WAY), "{}", yard.sent());
}

#[test]
fn a_cache_that_may_not_be_written_is_told_and_one_that_is_complete_needs_no_writing() {
    let root = Command::new("id").arg("-u").output().unwrap().stdout == b"0\n";
    let yard = Yard::tiny(&Content::pattern(1, 300_000));
    let setpriv = root && yard.program("setpriv").arg("--version").output().is_ok();
    if root && !setpriv {
        eprintln!("skipped: setpriv is not installed");
        return;
    }
    let program = yard.path().join("modelstrap");
    programs::copy(Path::new(PROGRAM), &program);
    let somebody = |arguments: &[&str]| {
        let mut command = yard.program(if root { "setpriv".as_ref() } else { program.as_os_str() });
        if root {
            command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(&program);
        }
        yard.start(command.args(arguments)).end(PATIENCE)
    };
    let mode = |path: &str, mode| fs::set_permissions(yard.place(path), fs::Permissions::from_mode(mode)).unwrap();
    fs::set_permissions(yard.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::create_dir(yard.place(".cache")).unwrap();
    mode(".cache", 0o555);
    mode(".", if root { 0o777 } else { 0o755 });
    let ran = somebody(&["models", "download"]).expect(1);
    assert!(ran.err.contains("@/p/.cache") && ran.err.contains("ermission denied"), "{}", ran.err);
    assert_eq!(fs::read_dir(yard.place(".cache")).unwrap().count(), 0);
    assert_eq!(yard.hub.requests_to("*", "/org/tiny/resolve/*").len(), 0, "nothing is fetched that cannot be kept");
    // Complete, and then read only.
    mode(".cache", 0o755);
    yard.download(&[]).expect(0);
    let chmod = |mode: &str| Command::new("chmod").args(["-R", mode]).arg(yard.place(".cache")).status().unwrap();
    assert!(chmod("a-w,a+rX").success());
    yard.hub.forget();
    somebody(&["models", "download", "--frozen"]).expect(0);
    assert_eq!(yard.hub.connections(), 0);
    assert!(chmod("u+w").success());
}
