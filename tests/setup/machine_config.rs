//! `config/hardware_cache.json`: ours are a few members, every other byte belongs to the project.

use serde_json::{Value, json};

use crate::support::project::Room;

#[test]
fn unknown_json_keys_their_order_and_the_indentation_survive() {
    let room = Room::fixture();
    let before = room.text("config/hardware_cache.json");
    room.setup(&[]);
    let after = room.text("config/hardware_cache.json");
    // From the comment to the last mapping nothing of ours stands but three environments' members.
    for line in before.lines().filter(|line| !line.contains("\"enabled\": true")) {
        let ours = ["version", "created_at", "platform", "machine", "has_cuda", "chip", "memory_gb", "base_dir"];
        let ours = ours.iter().chain(&["_home", "application_caches", "thresholds"]);
        if !ours.clone().any(|name| line.contains(name)) {
            assert!(after.lines().any(|there| there == line), "lost: {line}\n{after}");
        }
    }
    let thresholds = r#"  "thresholds": {"vad_onset": 0.50, "vad_offset": 3.63e-1, "random_seed": 12345678901234567890, "escaped\/key": "a\/b\tc"}"#;
    assert!(after.contains(thresholds), "{after}");
    let keys = |text: &str| match serde_json::from_str::<Value>(text).unwrap() {
        Value::Object(map) => map.keys().cloned().collect::<Vec<_>>(),
        _ => Vec::new(),
    };
    let mut expected = keys(&before);
    expected.push("recommended_settings".to_owned());
    assert_eq!(keys(&after), expected);
    let value: Value = serde_json::from_str(&after).unwrap();
    assert_eq!(value["version"], "1.0.0");
    assert_eq!(value["created_at"], "2025-11-25T15:20:46Z");
    assert_eq!(
        value["cache"],
        json!({
            "base_dir": ".cache", "torch_home": ".cache/torch", "hf_home": ".cache/huggingface",
            "whisper_home": ".cache/whisper", "mlx_home": ".cache/mlx",
            "application_caches": {
                "tmdb": "out/tmdb_cache", "subtitles": "out/subtitle_cache",
                "musicbrainz": "out/musicbrainz_cache", "glossary": "glossary/cache",
            },
        })
    );
    for name in ["platform", "machine", "has_cuda", "has_mps", "has_mlx"] {
        assert!(!value["hardware"][name].is_null(), "hardware.{name}");
    }
}

#[test]
fn other_indentations_and_line_ends_are_followed() {
    for (text, sign) in [
        ("{\n\t\"mine\": 1\n}\n", "\n\t\"version\": \"1.0.0\""),
        ("{\r\n    \"mine\": 1\r\n}\r\n", "\r\n    \"version\": \"1.0.0\""),
        ("{\"mine\": 1}", ", \"version\": \"1.0.0\""),
    ] {
        let room = Room::git();
        room.write("config/hardware_cache.json", text);
        room.setup(&[]);
        let after = room.text("config/hardware_cache.json");
        assert!(after.contains(sign) && after.contains("\"mine\": 1"), "{after}");
        assert_eq!(after.contains('\n'), text.contains('\n'), "{after}");
        assert_eq!(
            after.matches('\n').count(),
            if text.contains('\r') { after.matches("\r\n").count() } else { after.matches('\n').count() }
        );
        assert_eq!(after.ends_with('\n'), text.ends_with('\n'));
    }
}
