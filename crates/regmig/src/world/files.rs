//! Files and folders.

use std::collections::BTreeMap;
use std::time::Duration;

use regmig_core::effect::Expect;
use regmig_core::facts;
use regmig_core::port::PortError;
use regmig_ssh::FileWrite;

use super::site::Site;

/// Prints bytes and number of the files beneath a folder, or nothing where there is none.
const FOLDER: &str = r#"[ -d "$1" ] || exit 0; find "$1" -type f -printf '%s\n' | awk '{ bytes += $1; files++ } END { print bytes+0, files+0 }'"#;

const SUMS: &str = r#"cd "$1" && find . -type f -print0 | sort -z | xargs -0 -r sha256sum -b --"#;

/// Files at rest hold user keys as plain text, in the AOF and in the RDB alike:
/// Redis compresses no string under 21 bytes, and `:users` never spans one.
const USERS: &str = r#"[ -d "$1" ] || { echo 0; exit 0; }
grep -rahoE '[A-Za-z0-9._-]+:users' "$1" | sort -u | grep -vcx 'wactiv:users' || :"#;

const SET_ASIDE: &str = r#"set -eu
[ -e "$2" ] || mv -T -- "$1" "$2"
if ! [ -d "$1" ]; then
  mkdir -- "$1.regmig-new"
  chown --reference="$2" -- "$1.regmig-new"
  chmod --reference="$2" -- "$1.regmig-new"
  mv -T -- "$1.regmig-new" "$1"
fi
sync -f "$1""#;

/// The folder that came in its place goes first; what was aside is never touched before that.
const PUT_BACK: &str = r#"set -eu
[ -e "$2" ] || exit 0
if [ -e "$1" ]; then rm -rf -- "$1.regmig-gone"; mv -T -- "$1" "$1.regmig-gone"; fi
mv -T -- "$2" "$1"
rm -rf -- "$1.regmig-gone"
sync -f "$1""#;

const MAKE: &str = r#"set -eu
[ ! -d "$1" ] || exit 0
mkdir -m "$2" -- "$1"
chown --reference="${1%/*}" -- "$1"
sync -f "$1""#;
const REMOVE: &str = r#"rm -rf -- "$1""#;
const EMPTY: &str = r#"[ ! -d "$1" ] || find "$1" -mindepth 1 -delete"#;

impl Site {
    pub(super) async fn file(&self, path: &str) -> Result<Option<facts::FileState>, PortError> {
        let Some(file) = self.host.read_file(path).await? else {
            return Ok(None);
        };
        let content = String::from_utf8(file.content).map_err(|error| {
            PortError::refused(format!("reading {path} on {} as text", self.machine), error)
        })?;
        Ok(Some(facts::FileState {
            content,
            mode: file.mode,
            uid: file.uid,
            gid: file.gid,
            mtime_ns: i64::try_from(file.mtime_ns).unwrap_or(i64::MAX),
        }))
    }

    /// Owner and group of the folder around a file.
    pub(super) async fn owner_around(&self, path: &str) -> Result<(u32, u32), PortError> {
        let text = self
            .look(
                "asking who owns a folder",
                "stat -c '%u %g' -- \"${1%/*}\"",
                &[path],
            )
            .await?;
        let mut ids = text
            .split_whitespace()
            .map(|id| id.parse().unwrap_or_default());
        Ok((
            ids.next().unwrap_or_default(),
            ids.next().unwrap_or_default(),
        ))
    }

    pub(super) async fn write(&self, write: FileWrite, expect: &Expect) -> Result<(), PortError> {
        self.host
            .write_file(&write.expect(expectation(expect)))
            .await
            .map(|_| ())
    }

    pub(super) async fn restore(
        &self,
        path: &str,
        state: &facts::FileState,
        expect: &Expect,
    ) -> Result<(), PortError> {
        let state = regmig_ssh::FileState {
            content: state.content.clone().into_bytes(),
            mode: state.mode,
            uid: state.uid,
            gid: state.gid,
            mtime_ns: state.mtime_ns.into(),
        };
        self.write(FileWrite::restoring(path, &state), expect).await
    }

    pub(super) async fn folder(&self, path: &str) -> Result<Option<facts::FolderState>, PortError> {
        let text = self.look("measuring a folder", FOLDER, &[path]).await?;
        let mut numbers = text
            .split_whitespace()
            .map(|number| number.parse().unwrap_or_default());
        Ok(numbers.next().map(|bytes| facts::FolderState {
            bytes,
            files: numbers.next().unwrap_or_default(),
        }))
    }

    pub(super) async fn sums(&self, path: &str) -> Result<BTreeMap<String, String>, PortError> {
        let text = self.look("checksumming files", SUMS, &[path]).await?;
        Ok(text
            .lines()
            .filter_map(|line| line.split_once(" *"))
            .map(|(sum, name)| (name.into(), sum.into()))
            .collect())
    }

    pub(super) async fn users_at_rest(&self, path: &str) -> Result<u64, PortError> {
        let text = self
            .look("looking for users in files", USERS, &[path])
            .await?;
        Ok(text.trim().parse().unwrap_or_default())
    }

    pub(super) async fn make_folder(&self, path: &str, mode: u32) -> Result<(), PortError> {
        self.quick("making a folder", MAKE, &[path, &format!("{mode:o}")])
            .await
    }

    pub(super) async fn remove_folder(&self, path: &str) -> Result<(), PortError> {
        self.quick("removing a folder", REMOVE, &[path]).await
    }

    pub(super) async fn empty_folder(&self, path: &str) -> Result<(), PortError> {
        self.quick("emptying a folder", EMPTY, &[path]).await
    }

    pub(super) async fn set_aside(&self, path: &str, aside: &str) -> Result<(), PortError> {
        self.quick("setting a folder aside", SET_ASIDE, &[path, aside])
            .await
    }

    pub(super) async fn put_back(&self, path: &str, aside: &str) -> Result<(), PortError> {
        self.quick("putting a folder back", PUT_BACK, &[path, aside])
            .await
    }

    /// Has everything in a folder's file system written to disk.
    pub(super) async fn sync(&self, path: &str) -> Result<(), PortError> {
        let limit = Duration::from_secs(60);
        self.script("syncing the data", "sync -f \"$1\"", &[path], limit)
            .await
            .map(|_| ())
    }

    async fn quick(&self, what: &str, script: &str, arguments: &[&str]) -> Result<(), PortError> {
        let limit = Duration::from_secs(self.spec.limits.command_s);
        self.script(what, script, arguments, limit)
            .await
            .map(|_| ())
    }
}

pub(super) fn expectation(expect: &Expect) -> regmig_ssh::Expect {
    match expect {
        Expect::Any => regmig_ssh::Expect::Any,
        Expect::Absent => regmig_ssh::Expect::Absent,
        Expect::Content(content) => regmig_ssh::Expect::content(content.as_bytes()),
    }
}
