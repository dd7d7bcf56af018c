//! A comparison that was interrupted.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use regmig_redis::{Differences, DigestOptions, Kept, diff};
use tempfile::TempDir;
use tokio::sync::oneshot;

use crate::server::Server;

const KEYS: usize = 3_000;

/// Two servers that differ in some keys, and a file to keep what is compared.
struct Case {
    a: Server,
    b: Server,
    dir: TempDir,
    options: DigestOptions,
}

impl Case {
    async fn new(keys_in_memory: u32) -> Self {
        let (a, b) = tokio::join!(Server::start(&[]), Server::start_other(&[]));
        a.populate(KEYS).await;
        b.populate(KEYS).await;
        for server in [&a, &b] {
            server.run(&["SELECT 3", "SET third 1", "SELECT 0"]).await;
        }
        b.run(&["SET more 1", "SET other 1"]).await;
        let options = DigestOptions {
            keys_in_memory,
            ..DigestOptions::default()
        };
        let dir = TempDir::new().unwrap();
        Self { a, b, dir, options }
    }

    fn file(&self) -> PathBuf {
        self.dir.path().join("part")
    }

    fn kept(&self, about: &str) -> Kept {
        Kept {
            path: self.file(),
            about: about.to_owned(),
        }
    }

    /// Compares until so many keys have been read.
    async fn interrupt_at(&self, keys: u64) {
        let kept = self.kept("this");
        let (tell, reached) = oneshot::channel();
        let mut tell = Some(tell);
        let mut progress = |progress: regmig_redis::DigestProgress| {
            if progress.done >= keys
                && let Some(tell) = tell.take()
            {
                tell.send(()).unwrap();
            }
        };
        let (a, b) = (self.a.redis(), self.b.redis());
        tokio::select! {
            biased;
            _ = reached => {}
            found = diff(&a, &b, &self.options, 10, Some(&kept), &mut progress) => panic!("not interrupted: {found:?}"),
        }
        assert!(self.file().exists());
    }

    /// What is found, and how many keys had been read when the first progress was told.
    async fn compare(&self, about: &str) -> (Differences, u64) {
        let kept = self.kept(about);
        let mut first = None;
        let mut progress = |progress: regmig_redis::DigestProgress| {
            first.get_or_insert(progress.done);
        };
        let (a, b) = (self.a.redis(), self.b.redis());
        let found = diff(&a, &b, &self.options, 10, Some(&kept), &mut progress)
            .await
            .unwrap();
        let left = fs::read_dir(self.dir.path()).unwrap().count();
        assert_eq!(left, 0, "files are left");
        (found, first.unwrap())
    }
}

fn names(found: &Differences) -> Vec<String> {
    found
        .named
        .iter()
        .map(|one| one.key().into_owned())
        .collect()
}

#[tokio::test]
async fn an_interrupted_comparison_is_gone_on_with() {
    for (keys_in_memory, passes) in [(4_000_000, 1), (2_002, 3)] {
        let case = Case::new(keys_in_memory).await;
        let most = KEYS as u64 * passes;
        case.interrupt_at(most / 2).await;
        case.interrupt_at(most * 2 / 3).await;
        let (found, first) = case.compare("this").await;
        assert!(found.went_on);
        assert!(first >= most / 2, "it began at {first} of {most}");
        assert_eq!(
            (found.total, names(&found)),
            (2, vec!["more".to_owned(), "other".to_owned()])
        );
        let (again, first) = case.compare("this").await;
        assert!(!again.went_on && first <= 500, "{first}");
        assert_eq!(again.named, found.named);
    }
}

#[tokio::test]
async fn what_was_not_written_to_its_end_is_read_again() {
    let case = Case::new(4_000_000).await;
    case.interrupt_at(KEYS as u64 / 2).await;
    let text = fs::read(case.file()).unwrap();
    fs::write(case.file(), &text[..text.len() - 1000]).unwrap();
    let (found, first) = case.compare("this").await;
    assert!(found.went_on && first > 500, "{first}");
    assert_eq!(names(&found), ["more", "other"]);
}

/// Has the file been written at another time.
fn write_at(file: &Path, time: SystemTime) {
    let file = File::options().append(true).open(file).unwrap();
    file.set_modified(time).unwrap();
}

/// Changes the file, or what stands around it, and expects the comparison to begin anew and to find what it has to.
async fn expect_anew(why: &str, about: &str, change: impl AsyncFnOnce(&mut Case, &Path)) {
    let mut case = Case::new(4_000_000).await;
    case.interrupt_at(KEYS as u64 / 2).await;
    let file = case.file();
    change(&mut case, &file).await;
    let (found, first) = case.compare(about).await;
    assert!(!found.went_on && first <= 500, "{why}: it began at {first}");
    assert_eq!(names(&found), ["more", "other"], "{why}");
}

#[tokio::test]
async fn what_is_of_another_comparison_counts_as_nothing() {
    expect_anew("another journal", "that", async |_, _| {}).await;
    expect_anew("other keys", "this", async |case, _| {
        case.options.excluded = vec!["no such key".into()]
    })
    .await;
    expect_anew("a byte that changed", "this", async |_, file| {
        let mut text = fs::read(file).unwrap();
        let middle = text.len() / 2;
        text[middle] = 0;
        fs::write(file, text).unwrap();
    })
    .await;
    expect_anew("ten minutes", "this", async |_, file| {
        let before = SystemTime::now() - Duration::from_secs(601);
        write_at(file, before);
    })
    .await;
    expect_anew("a clock that was set back", "this", async |_, file| {
        let later = SystemTime::now() + Duration::from_secs(60);
        write_at(file, later);
    })
    .await;
    expect_anew("a restart", "this", async |case, _| {
        case.b.run(&["SAVE"]).await;
        case.b.restart(&[]).await;
    })
    .await;
}

#[tokio::test]
async fn where_nothing_can_be_kept_all_is_compared() {
    let case = Case::new(4_000_000).await;
    let kept = Kept {
        path: case.dir.path().join("missing").join("part"),
        about: "this".into(),
    };
    let (a, b) = (case.a.redis(), case.b.redis());
    let found = diff(&a, &b, &case.options, 10, Some(&kept), &mut |_| {})
        .await
        .unwrap();
    assert_eq!(names(&found), ["more", "other"]);
}
