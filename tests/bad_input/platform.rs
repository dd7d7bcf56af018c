//! A configuration that is not about this platform.

use insta::assert_snapshot;
use regmig_tests::support::Tried;

use crate::scene::Scene;

#[test]
fn names_and_paths() -> Tried<()> {
    let scene = Scene::new("names-and-paths")?;
    let before = scene.look()?;
    scene.add("dest", "root = \"/var/prive\"")?;
    assert_snapshot!(scene.refused()?, @"");

    scene.add("stack", "compose_file = \"reg-slave.yml\"")?;
    assert_snapshot!(scene.refused()?, @"");

    scene.add("stack", "redis = \"reddis\"")?;
    assert_snapshot!(scene.refused()?, @"");

    scene.add("proxy", "upstreams = [\"register_server\", \"mail_servr\"]")?;
    assert_snapshot!(scene.refused()?, @"");

    scene.add("proxy", "nginx_site = \"reg-master/nginx/conf/default.conf\"")?;
    assert_snapshot!(scene.refused()?, @"");

    scene.add("tunnel", "image = \"debian:nosuch\"")?;
    assert_snapshot!(scene.refused()?, @"");

    scene.add("redis", "password_file = \"redis-password\"")?;
    assert_snapshot!(scene.ends(2)?, @"");

    scene.correct()?;
    scene.rig.regmig(["check"]).done()?;
    scene.expect_same(&before)
}

#[test]
fn name_servers() -> Tried<()> {
    let scene = Scene::new("name-servers")?;
    let before = scene.look()?;
    let lab = &scene.rig.lab;
    let (source, dest) = (lab.source.address.to_string(), lab.dest.address.to_string());

    // The parent delegates to source; `before` says that it delegates to dest, and `after` the reverse.
    scene.configure("nameservers", &source, "SOURCE")?;
    let text = std::fs::read_to_string(&scene.rig.toml)?;
    std::fs::write(&scene.rig.toml, text.replace("dns1", "ns1").replace("SOURCE", &source))?;
    assert_snapshot!(scene.refused()?, @"");

    scene.configure("platform", "pryv.lab.test", "prive.lab.test")?;
    assert_snapshot!(scene.refused()?, @"");

    // dest is up, and no name server yet.
    scene.configure("nameservers", &lab.parent.address.to_string(), &dest)?;
    assert_snapshot!(scene.refused()?, @"");

    scene.correct()?;
    scene.rig.regmig(["check"]).done()?;
    scene.expect_same(&before)
}
