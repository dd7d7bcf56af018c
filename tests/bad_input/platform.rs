//! A configuration that is not about this platform.

use insta::assert_snapshot;
use regmig_tests::support::Tried;

use crate::scene::on_scene;

#[test]
fn names_and_paths() -> Tried<()> {
    on_scene(|scene| {
        scene.add("dest", "root = \"/var/prive\"")?;
        assert_snapshot!(scene.refused()?, @r#"
error: the migration cannot start; nothing was changed
  /var/prive on dest: found nothing; expected the stack's root folder
    hint: deploy the stack on dest, or correct `root` in regmig.toml
"#);

        scene.add("stack", "compose_file = \"reg-slave.yml\"")?;
        assert_snapshot!(scene.refused()?, @r#"
error: the migration cannot start; nothing was changed
  /var/pryv/reg-slave.yml on source: found no such file; expected the compose file
    hint: deploy the stack, or correct `compose_file`
  /var/pryv/reg-slave.yml on dest: found no such file; expected the compose file
    hint: deploy the stack, or correct `compose_file`
"#);

        scene.add("stack", "redis = \"reddis\"")?;
        assert_snapshot!(scene.refused()?, @r#"
error: the migration cannot start; nothing was changed
  /var/pryv/reg-master.yml on source: found no reddis; expected services register, mail, reverse_proxy, dns, reddis
    hint: correct the service names under [stack] in regmig.toml; the file has reverse_proxy, register, dns, redis, mail
  /var/pryv/reg-master.yml on dest: found no reddis; expected services register, mail, reverse_proxy, dns, reddis
    hint: correct the service names under [stack] in regmig.toml; the file has reverse_proxy, register, dns, redis, mail
"#);

        scene.add("proxy", "upstreams = [\"register_server\", \"mail_servr\"]")?;
        assert_snapshot!(scene.refused()?, @r#"
error: the migration cannot start; nothing was changed
  /var/pryv/reg-master/nginx/conf/site.conf on source: found no `upstream mail_servr` (defined here: register_server, mail_server); expected `upstream mail_servr { server …; }`
    hint: correct `upstreams` under [proxy] in regmig.toml
"#);

        scene.add(
            "proxy",
            "nginx_site = \"reg-master/nginx/conf/default.conf\"",
        )?;
        assert_snapshot!(scene.refused()?, @r#"
error: the migration cannot start; nothing was changed
  /var/pryv/reg-master/nginx/conf/default.conf on source: found no such file; expected a file of the stack
    hint: check `root` and the paths in regmig.toml, and that the stack is deployed there
"#);

        scene.add("tunnel", "image = \"debian:nosuch\"")?;
        assert_snapshot!(scene.refused()?, @r#"
error: the migration cannot start; nothing was changed
  image debian:nosuch on source: found missing; expected the image of the tunnel
    hint: name an image with an SSH client, present on source, as `image` under [tunnel] in regmig.toml
"#);

        scene.correct()?;
        scene.rig.regmig(["check"]).done()?;
        scene.expect_start()
    })
}

#[test]
fn name_servers() -> Tried<()> {
    on_scene(|scene| {
        let lab = &scene.rig.lab;
        // The parent delegates to dns1 and dns2.
        scene.configure("nameservers", "dns1", "ns1")?;
        assert_snapshot!(scene.refused()?, @r#"
error: the migration cannot start; nothing was changed
  the delegation of pryv.lab.test at every parent server: found parent [parent]:53 delegates to dns1.pryv.lab.test ([source]), dns2.pryv.lab.test ([source]), not to dns2.pryv.lab.test ([source]), ns1.pryv.lab.test ([source]); expected what `before` says
    hint: correct `domain` under [platform], or `parents` or `before` under [nameservers], in regmig.toml; a rollback publishes what `before` says
"#);

        scene.configure("platform", "pryv.lab.test", "prive.lab.test")?;
        assert_snapshot!(scene.refused()?, @r#"
error: the migration cannot start; nothing was changed
  the delegation of prive.lab.test at every parent server: found DNS server [parent]:53: NS of prive.lab.test: prive.lab.test. is not delegated there: NXDOMAIN; expected what `before` says
    hint: correct `domain` under [platform], or `parents` or `before` under [nameservers], in regmig.toml; a rollback publishes what `before` says
"#);

        // Nobody answers at this port.
        let parent = lab.parent.address.to_string();
        scene.configure("nameservers", &parent, &format!("{parent}:54"))?;
        assert_snapshot!(scene.refused()?, @r#"
error: the migration cannot start; nothing was changed
  the delegation of pryv.lab.test at every parent server: found DNS server [parent]:54: NS of pryv.lab.test: no usable answer in 3 attempts of 2.0 s (Connection refused (os error 111)); expected what `before` says
    hint: correct `domain` under [platform], or `parents` or `before` under [nameservers], in regmig.toml; a rollback publishes what `before` says
"#);

        scene.correct()?;
        scene.rig.regmig(["check"]).done()?;
        scene.expect_start()
    })
}
