//! Effects that copy data: rsync and the backup.

use regmig_core::machine::Machine;
use regmig_procedure::steps::backup;

use super::refused;
use crate::world::files::File;
use crate::world::state::{State, Stop};

impl State {
    pub(super) fn back_up(&mut self, machine: Machine, data: &str, to: &str) -> Result<(), Stop> {
        let part = format!("{to}.part");
        let inside = format!("{part}/data");
        self.beat()?;
        self.has_room(machine)?;
        let disk = &mut self.host_mut(machine).disk;
        disk.remove_tree(&part);
        disk.make_all(&inside, 0);
        let files: Vec<(String, File)> = disk
            .beneath(data)
            .map(|(name, file)| (format!("{inside}/{name}"), file.clone()))
            .collect();
        let mut manifest = String::new();
        for (path, file) in files {
            self.beat()?;
            self.has_room(machine)?;
            manifest.push_str(&format!("{} *{path}\n", file.content.sum()));
            self.host_mut(machine).disk.files.insert(path.into(), file);
        }
        self.run_container(machine, backup::CHECK_CONTAINER, "no", "")?;
        self.beat()?;
        let now = self.now;
        let host = self.host_mut(machine);
        host.containers.remove(backup::CHECK_CONTAINER);
        let path = format!("{part}/{}", backup::MANIFEST);
        host.disk
            .files
            .insert(path.into(), File::text(&manifest, now));
        self.beat()?;
        self.host_mut(machine).disk.rename_tree(&part, to);
        Ok(())
    }

    /// One pass of rsync, which runs on dest: a machine gets its peer's data folder, as it is on disk.
    pub(super) fn rsync(&mut self, to: Machine, checksum: bool) -> Result<(), Stop> {
        let from = to.peer();
        self.beat()?;
        if !self.pulls() {
            return refused("Permission denied (publickey)");
        }
        let gate = format!("{}/pull-gate", self.spec.work(Machine::Source));
        if !self
            .host(Machine::Source)
            .disk
            .files
            .contains_key(gate.as_str())
        {
            return refused("no gate");
        }
        let (theirs, ours) = (self.spec.data(from), self.spec.data(to));
        if !self.host(to).disk.folders.contains_key(ours.as_str()) {
            return refused(format!("no folder {ours}"));
        }
        let list: Vec<String> = self
            .host(from)
            .disk
            .beneath(&theirs)
            .map(|(name, _)| name.to_owned())
            .collect();
        // What is there and not on the sender goes first.
        let extra: Vec<String> = self
            .host(to)
            .disk
            .beneath(&ours)
            .filter(|(name, _)| !list.iter().any(|there| there == name))
            .map(|(name, _)| format!("{ours}/{name}"))
            .collect();
        for path in extra {
            self.beat()?;
            let host = self.host_mut(to);
            host.unlinked(&path);
            host.disk.files.remove(path.as_str());
        }
        for name in list {
            let path = format!("{ours}/{name}");
            let Some(file) = self
                .host(from)
                .disk
                .files
                .get(format!("{theirs}/{name}").as_str())
                .cloned()
            else {
                continue;
            };
            let here = self.host(to).disk.files.get(path.as_str());
            let same = here.is_some_and(|here| {
                if checksum {
                    here.content == file.content
                } else {
                    // The quick check: size, and time in whole seconds.
                    here.content.size() == file.content.size()
                        && here.mtime_ns / 1_000_000_000 == file.mtime_ns / 1_000_000_000
                }
            });
            if same {
                if let Some(here) = self.host_mut(to).disk.files.get_mut(path.as_str()) {
                    here.mtime_ns = file.mtime_ns;
                }
                continue;
            }
            self.beat()?;
            self.has_room(to)?;
            let host = self.host_mut(to);
            host.unlinked(&path);
            host.disk.files.insert(path.into(), file);
        }
        Ok(())
    }
}
