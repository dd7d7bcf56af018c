//! Commands as root, with a stand-in for sudo that the server finds first.

use std::os::unix::fs::PermissionsExt;

use regmig_core::port::PortError;
use regmig_ssh::{Command, NoSudo, Sudo};

use crate::server::Server;

const ALLOWS: &str = "#!/bin/sh\n[ \"$1 $2\" = '-n --' ] || { echo \"sudo: $*\" >&2; exit 1; }\nshift 2\nAS_ROOT=yes exec \"$@\"\n";
const DENIES: &str = "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n";

fn server(sudo: &str) -> Server {
    let tools = tempfile::tempdir().unwrap().keep();
    let server = Server::with_options(&format!(
        "SetEnv PATH={}:/usr/local/bin:/usr/bin:/bin",
        tools.display()
    ));
    let path = tools.join("sudo");
    std::fs::write(&path, sudo).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    // Moved into what the server removes with itself.
    std::fs::rename(&tools, server.path("tools")).unwrap();
    std::os::unix::fs::symlink(server.path("tools"), &tools).unwrap();
    std::fs::write(server.path("link"), tools.to_str().unwrap()).unwrap();
    server
}

fn tidy(server: &Server) {
    std::fs::remove_file(server.text("link")).unwrap();
}

#[tokio::test]
async fn commands_run_through_sudo_unless_told_otherwise() {
    let server = server(ALLOWS);
    let host = server.host_as(server.spec(), true);
    host.connect().await.unwrap();
    let ask = Command::shell("echo \"${AS_ROOT:-no} $(cat)\"", [""; 0]).stdin("input");
    assert_eq!(host.exec(&ask).await.unwrap().stdout_text(), "yes input\n");
    assert_eq!(
        host.exec(&ask.sudo(Sudo::Never))
            .await
            .unwrap()
            .stdout_text(),
        "no input\n"
    );
    tidy(&server);
}

#[tokio::test]
async fn missing_rights_are_a_refusal_with_what_to_do() {
    let server = server(DENIES);
    let error = server
        .host_as(server.spec(), true)
        .connect()
        .await
        .unwrap_err();
    let PortError::Refused {
        source: Some(source),
        ..
    } = &error
    else {
        panic!("{:?}", error.chain())
    };
    assert!(source.downcast_ref::<NoSudo>().is_some());
    let text = error.chain().join("\n");
    assert!(
        text.contains("NOPASSWD") && text.contains("a password is required"),
        "{text}"
    );
    tidy(&server);
}

#[tokio::test]
async fn a_machine_without_sudo_is_told_apart() {
    // Every program of this machine but sudo.
    let programs = tempfile::tempdir().unwrap();
    for program in std::fs::read_dir("/usr/bin").unwrap() {
        let program = program.unwrap();
        if program.file_name() != "sudo" {
            let link = programs.path().join(program.file_name());
            std::os::unix::fs::symlink(program.path(), link).unwrap();
        }
    }
    let path = programs.path().display();
    let server = Server::with_options(&format!("SetEnv PATH={path}"));
    let error = server
        .host_as(server.spec(), true)
        .connect()
        .await
        .unwrap_err();
    let text = error.chain().join("\n");
    assert!(
        matches!(error, PortError::Refused { .. }) && text.contains("sudo"),
        "{text}"
    );
}
