use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use super::*;
use crate::spec::{HostSpec, Limits, Transport};

fn here() -> Host {
    Host::new(
        HostSpec {
            label: "here".into(),
            transport: Transport::Local,
            sudo: false,
        },
        Limits::default(),
    )
}

fn leftovers(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).unwrap();
    entries
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n.starts_with(".regmig"))
        .collect()
}

fn found(error: &PortError) -> Option<&FileError> {
    std::error::Error::source(error).and_then(|source| source.downcast_ref())
}

#[tokio::test]
async fn a_new_file_is_private_and_comes_back_as_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder
        .path()
        .join("a b'c\"$d\n.conf")
        .to_str()
        .unwrap()
        .to_owned();
    let content = b"one\r\ntwo\n\n\0\xff no newline at end".to_vec();
    assert_eq!(here().read_file(&path).await.unwrap(), None);
    let write = FileWrite::new(&path, content.clone()).expect(Expect::Absent);
    assert_eq!(here().write_file(&write).await.unwrap(), Written::Changed);
    let state = here().read_file(&path).await.unwrap().unwrap();
    assert_eq!(
        (state.content.as_slice(), state.mode),
        (content.as_slice(), 0o600)
    );
    let meta = std::fs::metadata(&path).unwrap();
    assert_eq!((state.uid, state.gid), (meta.uid(), meta.gid()));
    assert_eq!(
        state.mtime_ns,
        i128::from(meta.mtime()) * 1_000_000_000 + i128::from(meta.mtime_nsec())
    );
    assert_eq!(leftovers(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn empty_files_and_those_that_end_in_newlines_are_exact() {
    let folder = tempfile::tempdir().unwrap();
    for content in ["", "\n", "\n\n", "absent\n", "x"] {
        let path = folder.path().join("f").to_str().unwrap().to_owned();
        here()
            .write_file(&FileWrite::new(&path, content))
            .await
            .unwrap();
        assert_eq!(
            here().read_file(&path).await.unwrap().unwrap().content,
            content.as_bytes(),
            "{content:?}"
        );
    }
}

#[tokio::test]
async fn mode_and_owner_stay_unless_they_are_given() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "one").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o640)).unwrap();
    here()
        .write_file(&FileWrite::new(path, "two"))
        .await
        .unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o7777, 0o640);
    here()
        .write_file(&FileWrite::new(path, "three").mode(0o604))
        .await
        .unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o7777, 0o604);
    assert_eq!(
        here()
            .write_file(&FileWrite::new(path, "three").mode(0o600))
            .await
            .unwrap(),
        Written::Changed
    );
    assert_eq!(
        here()
            .write_file(&FileWrite::new(path, "three").mode(0o600))
            .await
            .unwrap(),
        Written::AlreadyThere
    );
}

#[tokio::test]
async fn what_is_restored_is_the_same_to_the_nanosecond() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "before").unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    let before = here().read_file(path).await.unwrap().unwrap();
    here()
        .write_file(&FileWrite::new(path, "between").mode(0o600))
        .await
        .unwrap();
    let restoring = FileWrite::restoring(path, &before).expect(Expect::content(b"between"));
    assert_eq!(
        here().write_file(&restoring).await.unwrap(),
        Written::Changed
    );
    assert_eq!(here().read_file(path).await.unwrap().unwrap(), before);
    assert_eq!(
        here().write_file(&restoring).await.unwrap(),
        Written::AlreadyThere
    );
}

#[tokio::test]
async fn expectations_are_compared_before_anything_changes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    let path = file.to_str().unwrap();
    let absent = Expect::Sha256(sha256(b"other"));
    let error = here()
        .write_file(&FileWrite::new(path, "new").expect(absent))
        .await
        .unwrap_err();
    assert!(
        matches!(found(&error), Some(FileError::Unexpected { found, .. }) if found == "absent"),
        "{:?}",
        error.chain()
    );
    std::fs::write(&file, "mine").unwrap();
    for expect in [Expect::Absent, Expect::content(b"other")] {
        let error = here()
            .write_file(&FileWrite::new(path, "new").expect(expect.clone()))
            .await
            .unwrap_err();
        assert!(matches!(error, PortError::Refused { .. }));
        assert!(
            matches!(found(&error), Some(FileError::Unexpected { found, .. }) if *found == sha256(b"mine"))
        );
        let error = here().remove_file(path, &expect).await.unwrap_err();
        assert!(matches!(found(&error), Some(FileError::Unexpected { .. })));
    }
    assert_eq!(std::fs::read(&file).unwrap(), b"mine");
    assert_eq!(leftovers(folder.path()), Vec::<String>::new());
    here()
        .write_file(&FileWrite::new(path, "new").expect(Expect::content(b"mine")))
        .await
        .unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), b"new");
    let again = FileWrite::new(path, "new").expect(Expect::content(b"mine"));
    assert_eq!(
        here().write_file(&again).await.unwrap(),
        Written::AlreadyThere
    );
}

#[tokio::test]
async fn removing_is_repeatable() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f g");
    let path = file.to_str().unwrap();
    std::fs::write(&file, "x").unwrap();
    assert_eq!(
        here()
            .remove_file(path, &Expect::content(b"x"))
            .await
            .unwrap(),
        Written::Changed
    );
    assert_eq!(
        here()
            .remove_file(path, &Expect::content(b"x"))
            .await
            .unwrap(),
        Written::AlreadyThere
    );
    assert_eq!(
        here()
            .remove_file("/proc/1/none/such", &Expect::Any)
            .await
            .unwrap(),
        Written::AlreadyThere
    );
}

#[tokio::test]
async fn links_lead_on_and_folders_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (file, link, lost) = (
        folder.path().join("f"),
        folder.path().join("l"),
        folder.path().join("lost"),
    );
    std::fs::write(&file, "x").unwrap();
    symlink(&file, &link).unwrap();
    symlink(folder.path().join("none"), &lost).unwrap();
    here()
        .write_file(&FileWrite::new(link.to_str().unwrap(), "y"))
        .await
        .unwrap();
    assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(std::fs::read(&file).unwrap(), b"y");
    assert_eq!(
        here()
            .read_file(link.to_str().unwrap())
            .await
            .unwrap()
            .unwrap()
            .content,
        b"y"
    );
    let nowhere = lost.to_str().unwrap();
    for error in [
        here().read_file(nowhere).await.unwrap_err(),
        here()
            .write_file(&FileWrite::new(nowhere, "y"))
            .await
            .unwrap_err(),
        here()
            .read_file(folder.path().to_str().unwrap())
            .await
            .unwrap_err(),
        here()
            .write_file(&FileWrite::new(folder.path().to_str().unwrap(), "y"))
            .await
            .unwrap_err(),
        here()
            .remove_file(link.to_str().unwrap(), &Expect::Any)
            .await
            .unwrap_err(),
        here()
            .remove_file(folder.path().to_str().unwrap(), &Expect::Any)
            .await
            .unwrap_err(),
        here()
            .write_file(&FileWrite::new("/none/such/f", "y"))
            .await
            .unwrap_err(),
    ] {
        assert!(
            matches!(error, PortError::Refused { .. }),
            "{:?}",
            error.chain()
        );
    }
    let relative = here().read_file("etc/passwd").await.unwrap_err();
    assert!(matches!(relative, PortError::NotSent { .. }));
}

#[tokio::test]
async fn content_that_was_cut_never_takes_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    std::fs::write(&file, "whole").unwrap();
    let path = file.to_str().unwrap().to_owned();
    let arguments = [
        path,
        sha256(b"the full content"),
        "any".into(),
        String::new(),
        String::new(),
        String::new(),
    ];
    let command = Command::shell(include_str!("write.sh"), arguments).stdin("the full con");
    let output = here().exec(&command).await.unwrap();
    assert_eq!(
        (output.status.clone(), output.stderr_text().trim()),
        (Status::Code(75), "the content was cut on its way")
    );
    assert_eq!(std::fs::read(&file).unwrap(), b"whole");
    assert_eq!(leftovers(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn old_leftovers_go_and_fresh_ones_stay() {
    let folder = tempfile::tempdir().unwrap();
    let (stale, fresh) = (
        folder.path().join(".regmig-tmp.stale"),
        folder.path().join(".regmig-tmp.fresh"),
    );
    std::fs::write(&fresh, "").unwrap();
    let created = std::fs::File::create(&stale).unwrap();
    created
        .set_modified(std::time::SystemTime::now() - std::time::Duration::from_secs(7200))
        .unwrap();
    here()
        .write_file(&FileWrite::new(
            folder.path().join("f").to_str().unwrap(),
            "x",
        ))
        .await
        .unwrap();
    assert_eq!(leftovers(folder.path()), [".regmig-tmp.fresh"]);
}

#[tokio::test]
async fn a_file_that_is_too_large_is_refused_with_its_size() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    std::fs::File::create(&file)
        .unwrap()
        .set_len(LARGEST as u64 + 1)
        .unwrap();
    let error = here().read_file(file.to_str().unwrap()).await.unwrap_err();
    assert!(
        error.chain()[1].contains("holds 4194305 bytes"),
        "{:?}",
        error.chain()
    );
    std::fs::File::create(&file)
        .unwrap()
        .set_len(LARGEST as u64)
        .unwrap();
    assert_eq!(
        here()
            .read_file(file.to_str().unwrap())
            .await
            .unwrap()
            .unwrap()
            .content
            .len(),
        LARGEST
    );
}

#[test]
fn times_before_and_after_the_epoch_survive() {
    for time in [
        0,
        1,
        999_999_999,
        1_760_000_000_123_456_789,
        -1,
        -1_250_000_000,
        -2_000_000_000,
    ] {
        assert_eq!(
            nanoseconds(&seconds(time)),
            Some(time),
            "{time} as {}",
            seconds(time)
        );
    }
    assert_eq!(seconds(-1_250_000_000), "-1.250000000");
    assert_eq!(nanoseconds("12"), None);
}

#[test]
fn a_file_that_changed_while_it_was_read_is_read_again() {
    let line = "644 0 0 3 1.000000000 7 regular file\n";
    assert!(matches!(
        parsed("/f", format!("{line}abc\n{line}").as_bytes()),
        Ok(Read::Present(_))
    ));
    assert!(matches!(
        parsed("/f", format!("{line}ab\n{line}").as_bytes()),
        Ok(Read::Changing)
    ));
    assert!(matches!(
        parsed("/f", format!("{line}abcd\n{line}").as_bytes()),
        Ok(Read::Changing)
    ));
    assert!(matches!(
        parsed(
            "/f",
            format!("{line}abc\n{}", line.replace('1', "2")).as_bytes()
        ),
        Ok(Read::Changing)
    ));
    assert!(matches!(
        parsed("/f", b"what?"),
        Err(FileError::Answer { .. })
    ));
}
