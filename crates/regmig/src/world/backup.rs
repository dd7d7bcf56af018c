//! The backup: a copy, checked by Redis's own tools and by checksum.

use std::time::Duration;

use regmig_core::port::PortError;
use regmig_docker::{ContainerSpec, Mount};
use regmig_procedure::steps::backup::{CHECK_CONTAINER, MANIFEST};

use super::site::Site;

/// A copy under another name until it has been checked. A rewrite of the AOF
/// while it is copied would leave it without a file that its manifest names,
/// so the copy is made again until the listing before and after is the same.
const COPY: &str = r#"set -eu
data=$1 part=$2.part
names() { find "$data" -type f -printf '%P\n' | sort; }
for try in 1 2 3 4 5; do
  rm -rf -- "$part"; mkdir -m 0700 -- "$part"
  before=$(names)
  cp -a -- "$data" "$part/data" || continue
  [ "$before" = "$(names)" ] && { find "$part/data" -type f -printf '%P\n' | sort; exit 0; }
done
echo "the files in $data kept changing while they were copied" >&2
exit 1"#;

/// The manifest is written last and checked against the copy; with it the backup counts.
const SEAL: &str = r#"set -eu
part=$1.part
cd "$part/data"
find . -type f -print0 | sort -z | xargs -0 -r sha256sum -b -- > "../$2"
sha256sum --check --quiet --strict "../$2" >&2
cd /
sync -f "$part"
mv -T -- "$part" "$1"
sync -f "$1""#;

/// Arguments: pairs of a tool and a file for it. One container is started for all of them: starting one takes more of the
/// machine than reading the files. A Redis image without its tools checks nothing.
const CHECK: &str = r#"while [ $# -gt 1 ]; do
  for tool in "redis-$1" "valkey-$1"; do
    command -v "$tool" >/dev/null || continue
    said=$("$tool" "/backup/$2" 2>&1) || { echo "$tool $2: $said"; exit 1; }
    break
  done
  shift 2
done"#;

impl Site {
    pub(super) async fn back_up(&self, data: &str, to: &str) -> Result<(), PortError> {
        let limit = Duration::from_secs(self.spec.limits.bulk_s);
        let mut last = None;
        // A copy of an AOF that is being appended to may end in half a record; the next copy will not.
        for _ in 0..4 {
            let output = self
                .script("copying the data folder", COPY, &[data, to], limit)
                .await?;
            match self
                .check_copy(&format!("{to}.part/data"), &output.stdout_text(), limit)
                .await
            {
                Ok(()) => {
                    self.script("sealing the backup", SEAL, &[to, MANIFEST], limit)
                        .await?;
                    return Ok(());
                }
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| PortError::Refused {
            what: "checking the backup".to_owned(),
            source: None,
        }))
    }

    /// Has Redis's own tools read the copy, in a container without a network.
    async fn check_copy(
        &self,
        folder: &str,
        names: &str,
        limit: Duration,
    ) -> Result<(), PortError> {
        let image = self.container(&self.spec.stack.redis).await?.image;
        let mut script = vec!["sh"];
        for name in names.lines() {
            let tool = if name.ends_with(".aof.manifest")
                || (name.ends_with(".aof") && !name.contains('/'))
            {
                "check-aof"
            } else if name.ends_with(".rdb") && !name.contains('/') && !name.starts_with("temp-") {
                "check-rdb"
            } else {
                continue;
            };
            script.extend([tool, name]);
        }
        if script.len() == 1 {
            return Ok(());
        }
        script.insert(0, CHECK);
        let check = ContainerSpec::new(&image, CHECK_CONTAINER)
            .entrypoint(["sh", "-c"])
            .command(script)
            // redis-check-aof opens files for writing even where it only looks; the checksums are taken afterwards.
            .mount(Mount::writable(folder, "/backup"))
            .user("0")
            .no_network();
        let result = self.docker.run_once(&check, limit).await?;
        if result.status != 0 {
            let words = format!("{}{}", result.stdout, result.stderr);
            let what = format!(
                "checking the copy with Redis's own tools on {}",
                self.machine
            );
            return Err(PortError::refused(what, words.trim().to_owned()));
        }
        Ok(())
    }
}
