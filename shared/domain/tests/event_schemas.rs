//! `infra/events` holds the schema of each event, made from its Rust type. `make event-schemas` writes them anew.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on says so")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/events")
}

fn made() -> BTreeMap<String, String> {
    let definitions = domain::events::definitions().into_iter();
    definitions.map(|event| (format!("{}.json", event.name), text(&event))).collect()
}

fn text(event: &domain::events::Definition) -> String {
    let mut schema = event.schema.clone();
    schema.insert("title".to_owned(), event.name.into());
    // Not JSON Schema's, but who tells it and who hears it is part of the contract; the templates are held against it.
    schema.insert("x-source".to_owned(), event.by.source().into());
    let heard_by: Vec<&str> = event.heard_by.iter().map(|service| service.name()).collect();
    schema.insert("x-heard-by".to_owned(), heard_by.into());
    format!("{}\n", serde_json::to_string_pretty(&schema).unwrap())
}

fn stored() -> BTreeMap<String, String> {
    let files = std::fs::read_dir(folder()).unwrap().map(|file| file.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    files.map(|path| (name(&path), std::fs::read_to_string(&path).unwrap())).collect()
}

#[test]
fn the_stored_schemas_are_those_of_the_types() {
    if std::env::var_os("WRITE_EVENT_SCHEMAS").is_some() {
        for name in stored().keys() {
            std::fs::remove_file(folder().join(name)).unwrap();
        }
        for (name, text) in made() {
            std::fs::write(folder().join(name), text).unwrap();
        }
    }
    let (made, stored) = (made(), stored());
    assert_eq!(made.keys().collect::<Vec<_>>(), stored.keys().collect::<Vec<_>>(), "run `make event-schemas`");
    for (name, text) in &made {
        assert_eq!(text, &stored[name], "{name} is not what its type says; run `make event-schemas`");
    }
}
