//! Effects on files and folders.

use regmig_core::effect::Expect;
use regmig_core::facts::FileState;
use regmig_core::machine::Machine;

use super::refused;
use crate::world::files::{Content, File, Folder};
use crate::world::state::{State, Stop};

impl State {
    pub(in crate::world) fn put(&mut self, machine: Machine, path: &str, file: File) {
        let host = self.host_mut(machine);
        let owner = host.disk.around(path).map_or(0, |folder| folder.uid);
        host.disk.files.insert(
            path.into(),
            File {
                uid: owner,
                gid: owner,
                ..file
            },
        );
    }

    pub(super) fn write(
        &mut self,
        machine: Machine,
        path: &str,
        content: &str,
        mode: u32,
        expect: &Expect,
    ) -> Result<(), Stop> {
        let now = self.now;
        let disk = &self.host(machine).disk;
        if disk.around(path).is_none() {
            return refused(format!("no folder around {path}"));
        }
        let found = disk.text(path);
        if found == Some(content) {
            return Ok(());
        }
        expected(found, expect)?;
        let was = disk.files.get(path).cloned();
        match was {
            Some(was) => {
                let content = Content::Text(content.into());
                let file = File {
                    content,
                    mtime_ns: now * 1_000_000,
                    ..was
                };
                self.host_mut(machine).disk.files.insert(path.into(), file);
            }
            None => self.put(
                machine,
                path,
                File {
                    mode,
                    ..File::text(content, now)
                },
            ),
        }
        Ok(())
    }

    pub(super) fn restore(
        &mut self,
        machine: Machine,
        path: &str,
        state: &FileState,
        expect: &Expect,
    ) -> Result<(), Stop> {
        let disk = &mut self.host_mut(machine).disk;
        let found = disk.text(path);
        if found != Some(state.content.as_str()) {
            expected(found, expect)?;
        }
        let file = File {
            content: Content::Text(state.content.as_str().into()),
            mode: state.mode,
            uid: state.uid,
            gid: state.gid,
            mtime_ns: state.mtime_ns,
        };
        disk.files.insert(path.into(), file);
        Ok(())
    }

    pub(super) fn make_folder(
        &mut self,
        machine: Machine,
        path: &str,
        mode: Option<u32>,
    ) -> Result<(), Stop> {
        let disk = &mut self.host_mut(machine).disk;
        if disk.folders.contains_key(path) {
            return Ok(());
        }
        let Some(around) = disk.around(path) else {
            return refused(format!("no folder around {path}"));
        };
        let mode = mode.unwrap_or(around.mode);
        disk.folders.insert(path.into(), Folder { mode, ..around });
        Ok(())
    }

    pub(super) fn set_aside(
        &mut self,
        machine: Machine,
        path: &str,
        aside: &str,
    ) -> Result<(), Stop> {
        self.beat()?;
        self.has_room(machine)?;
        let disk = &self.host(machine).disk;
        let was = disk.folders.get(aside).or(disk.folders.get(path)).copied();
        if !disk.folders.contains_key(aside) {
            if !disk.folders.contains_key(path) {
                return refused(format!("no folder {path}"));
            }
            self.host_mut(machine).renamed(path, aside);
        }
        if !self.host(machine).disk.folders.contains_key(path) {
            self.beat()?;
            if let Some(was) = was {
                self.host_mut(machine).disk.folders.insert(path.into(), was);
            }
        }
        Ok(())
    }

    pub(super) fn put_back(
        &mut self,
        machine: Machine,
        path: &str,
        aside: &str,
    ) -> Result<(), Stop> {
        let gone = format!("{path}.regmig-gone");
        let host = self.host_mut(machine);
        host.unlinked(&gone);
        host.disk.remove_tree(&gone);
        if !self.host(machine).disk.folders.contains_key(aside) {
            return Ok(());
        }
        if self.host(machine).disk.folders.contains_key(path) {
            self.beat()?;
            self.host_mut(machine).renamed(path, &gone);
        }
        self.beat()?;
        self.host_mut(machine).renamed(aside, path);
        self.beat()?;
        let host = self.host_mut(machine);
        host.unlinked(&gone);
        host.disk.remove_tree(&gone);
        Ok(())
    }

    pub(super) fn make_key(
        &mut self,
        machine: Machine,
        path: &str,
        kind: &str,
        comment: &str,
    ) -> Result<(), Stop> {
        let public = format!("{path}.pub");
        self.beat()?;
        self.has_room(machine)?;
        if self.host(machine).disk.files.contains_key(public.as_str()) {
            return Ok(());
        }
        if self.host(machine).disk.around(path).is_none() {
            return refused(format!("no folder around {path}"));
        }
        let now = self.now;
        let secret = File {
            mode: 0o600,
            ..File::text("PRIVATE KEY", now)
        };
        self.put(machine, path, secret);
        self.beat()?;
        let line = format!("ssh-{kind} AAAA{machine}{now} {comment}\n");
        self.put(machine, &public, File::text(&line, now));
        Ok(())
    }
}

fn expected(found: Option<&str>, expect: &Expect) -> Result<(), Stop> {
    let ok = match expect {
        Expect::Any => true,
        Expect::Absent => found.is_none(),
        Expect::Content(content) => found == Some(content.as_str()),
    };
    if ok {
        Ok(())
    } else {
        refused("the file is not as expected")
    }
}
