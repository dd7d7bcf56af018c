//! The lab's images: built of Debian packages, once for each content.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};

use crate::deps;
use crate::program::Program;
use crate::say::say;

use super::LabConfig;
use super::config::fixtures;
use super::error::{At, Doing, LabError};
use super::machine::docker;

/// The Debian release that everything is made of.
const RELEASE: &str = "bookworm";

/// What the base holds beside the release; change it to have it made anew.
const BASE_RECIPE: &str = "minbase without documentation, 1";

/// How long an image that exists may take to come from a registry.
const PULL_LIMIT: Duration = Duration::from_secs(90);

/// How long making the base or one image may take.
const BUILD_LIMIT: Duration = Duration::from_secs(900);

/// The services of the stack and the image folder that each is built from.
const STACK: &[(&str, &str)] = &[
    ("nginx", "nginx"),
    ("register", "standin"),
    ("dns", "standin"),
    ("redis", "redis"),
    ("mail", "standin"),
];

/// The tags of everything that machines are made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Images {
    /// The image of source and dest.
    pub(super) machine: String,
    /// The image of the parent name server.
    pub(super) parent: String,
    /// The Redis image, for making seed data on this host.
    pub(super) redis: String,
    /// The register's image, in which the stand-in's own tests run.
    pub(super) register: String,
    /// The file name, in the cache, of the archive of the stack's images.
    pub(super) archive: String,
}

/// One image to be built.
#[derive(Debug, Clone)]
struct Recipe {
    tag: String,
    base: String,
    folder: PathBuf,
    service: String,
}

/// Builds what is missing and returns the tags.
pub(super) fn ensure(config: &LabConfig) -> Result<Images, LabError> {
    let base = base_tag();
    let machine = recipe("machine", "machine", &base)?;
    let parent = recipe("parent", "parent", &base)?;
    let stack = recipe("stack", "stack", &base)?;
    let services = STACK
        .iter()
        .map(|(service, folder)| recipe(service, folder, &stack.tag))
        .collect::<Result<Vec<_>, _>>()?;
    let tags: Vec<&str> = services
        .iter()
        .map(|service| service.tag.as_str())
        .collect();
    let archive = format!("images-{}.tar", short_hash(tags.join(" ").as_bytes()));
    let [redis, register] = ["redis", "register"].map(|name| tag_of(&services, name));

    ensure_base(config, &base)?;
    // Two of the three wait for downloads most of the time.
    std::thread::scope(|scope| {
        let machine = scope.spawn(|| build(&machine));
        let parent = scope.spawn(|| build(&parent));
        let rest = build(&stack).and_then(|()| services.iter().try_for_each(build));
        rest.and(joined(machine)).and(joined(parent))
    })?;
    ensure_archive(config, &services, &archive)?;
    let valkey = valkey_recipe(&stack)?;
    prune(
        config,
        &[&base, &machine.tag, &parent.tag, &stack.tag, &valkey.tag],
        &services,
        &archive,
    )?;
    Ok(Images {
        machine: machine.tag,
        parent: parent.tag,
        redis,
        register,
        archive,
    })
}

/// Builds what a test may put in place of Redis, and returns its tag.
pub(super) fn valkey() -> Result<String, LabError> {
    let valkey = valkey_recipe(&recipe("stack", "stack", &base_tag())?)?;
    build(&valkey)?;
    Ok(valkey.tag)
}

fn valkey_recipe(stack: &Recipe) -> Result<Recipe, LabError> {
    recipe("valkey", "valkey", &stack.tag)
}

/// A short digest of everything that the lab's machines are made of.
pub(super) fn digest(images: &Images) -> Result<String, LabError> {
    let mut hash = Sha256::new();
    hash.update(format!("{images:?}"));
    for folder in ["pryv", "parent"] {
        let folder = fixtures().join(folder);
        hash_folder(&folder, &folder, &mut hash)?;
    }
    Ok(shortened(hash))
}

/// Removes every image of the lab from this host's engine.
pub(super) fn remove_all() -> Result<(), LabError> {
    let tags = present()?;
    if tags.is_empty() {
        return Ok(());
    }
    docker(["image", "rm", "--force"])
        .args(tags)
        .done()
        .doing("remove the lab's images")
}

/// Removes images and archives of fixtures as they were before.
///
/// One that a running machine of another lab is made from stays: the engine refuses to
/// remove it, which is as it should be.
fn prune(
    config: &LabConfig,
    made_of: &[&str],
    services: &[Recipe],
    archive: &str,
) -> Result<(), LabError> {
    for tag in present()? {
        let current = is_stack_tag(&tag)
            || made_of.contains(&tag.as_str())
            || services.iter().any(|service| service.tag == tag);
        if !current {
            // Ends with an error where the image is in use.
            docker(["image", "rm", &tag])
                .run()
                .doing("remove an image")?;
        }
    }
    for entry in fs::read_dir(&config.cache).at("read", &config.cache)? {
        let path = entry.at("read", &config.cache)?.path();
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy())
            .unwrap_or_default();
        if name.starts_with("images-") && name != archive {
            fs::remove_file(&path).at("remove", &path)?;
        }
    }
    Ok(())
}

/// The tags of all images of the lab that this host's engine has.
fn present() -> Result<Vec<String>, LabError> {
    let list = docker(["image", "ls", "--format", "{{.Repository}}:{{.Tag}}"])
        .text()
        .doing("list images")?;
    let ours = |tag: &&str| tag.starts_with("regmig-lab/") || is_stack_tag(tag);
    Ok(list.lines().filter(ours).map(str::to_owned).collect())
}

fn is_stack_tag(tag: &str) -> bool {
    STACK.iter().any(|(service, _)| tag == stack_tag(service))
}

/// The name under which the compose file asks for a service's image.
fn stack_tag(service: &str) -> String {
    format!("pryv/{service}:lab")
}

fn joined(thread: std::thread::ScopedJoinHandle<'_, Result<(), LabError>>) -> Result<(), LabError> {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn tag_of(services: &[Recipe], name: &str) -> String {
    services
        .iter()
        .find(|service| service.service == name)
        .map(|service| service.tag.clone())
        .unwrap_or_default()
}

fn base_tag() -> String {
    format!(
        "regmig-lab/base:{RELEASE}-{}",
        short_hash(BASE_RECIPE.as_bytes())
    )
}

fn recipe(name: &str, folder: &str, base: &str) -> Result<Recipe, LabError> {
    let folder = fixtures().join("images").join(folder);
    let mut hash = Sha256::new();
    hash.update(name);
    hash.update(base);
    hash_folder(&folder, &folder, &mut hash)?;
    let tag = format!("regmig-lab/{name}:{}", shortened(hash));
    Ok(Recipe {
        tag,
        base: base.to_owned(),
        folder,
        service: name.to_owned(),
    })
}

/// Feeds names and contents of all files of a folder to a hash, in order of name.
fn hash_folder(root: &Path, folder: &Path, hash: &mut Sha256) -> Result<(), LabError> {
    let mut entries = fs::read_dir(folder)
        .at("read", folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .at("read", folder)?;
    entries.sort();
    for path in entries {
        if path.ends_with("__pycache__") {
            continue;
        }
        if path.is_dir() {
            hash_folder(root, &path, hash)?;
            continue;
        }
        let name = path
            .strip_prefix(root)
            .unwrap_or(&path)
            .to_string_lossy()
            .into_owned();
        let content = fs::read(&path).at("read", &path)?;
        hash.update(format!("{name}\0{}\0", content.len()));
        hash.update(content);
    }
    Ok(())
}

fn short_hash(bytes: &[u8]) -> String {
    shortened(Sha256::new().chain_update(bytes))
}

/// The first 12 hexadecimal digits of a hash.
fn shortened(hash: Sha256) -> String {
    hash.finalize()
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn exists(tag: &str) -> bool {
    docker(["image", "inspect", "--format", "{{.Id}}", tag]).succeeds()
}

fn ensure_base(config: &LabConfig, tag: &str) -> Result<(), LabError> {
    if exists(tag) {
        return Ok(());
    }
    let official = format!("debian:{RELEASE}-slim");
    say(format_args!("Getting {official}, if it can be had."));
    if docker(["pull", "--quiet", &official])
        .limit(PULL_LIMIT)
        .succeeds()
    {
        return docker(["tag", &official, tag])
            .done()
            .doing("name the base image");
    }
    deps::ensure(&config.folder, true)?;
    say("It cannot. Making a Debian base image from packages (about 20 s to a minute).");
    let archive = config.cache.join("base.tar");
    Program::new("mmdebstrap")
        .args(["--quiet", "--variant=minbase", "--include=ca-certificates"])
        .args(["--dpkgopt=path-exclude=/usr/share/man/*"])
        .args(["--dpkgopt=path-exclude=/usr/share/locale/*"])
        .args(["--dpkgopt=path-exclude=/usr/share/doc/*"])
        .args([RELEASE.into(), archive.clone().into_os_string()])
        .limit(BUILD_LIMIT)
        .done()
        .doing("make the Debian base image")?;
    docker(["import"])
        .args([archive.as_os_str(), tag.as_ref()])
        .limit(BUILD_LIMIT)
        .done()
        .doing("import the Debian base image")?;
    fs::remove_file(&archive).at("remove", &archive)
}

/// Builds one image with its network being this host's, whose packages it needs.
fn build(recipe: &Recipe) -> Result<(), LabError> {
    if exists(&recipe.tag) {
        return Ok(());
    }
    say(format_args!("Building {}", recipe.tag));
    docker([
        "build",
        "--quiet",
        "--network",
        "host",
        "--tag",
        &recipe.tag,
    ])
    .args(["--build-arg", &format!("BASE={}", recipe.base)])
    .args(["--build-arg", &format!("SERVICE={}", recipe.service)])
    .args([&recipe.folder])
    .limit(BUILD_LIMIT)
    .done()
    .doing(format!("build the image {}", recipe.tag))
}

fn ensure_archive(config: &LabConfig, services: &[Recipe], archive: &str) -> Result<(), LabError> {
    let path = config.cache.join(archive);
    if path.exists() {
        return Ok(());
    }
    let mut names = Vec::new();
    for service in services {
        let name = stack_tag(&service.service);
        docker(["tag", &service.tag, &name])
            .done()
            .doing("name an image of the stack")?;
        names.push(name);
    }
    say("Saving the images of the stack.");
    let partial = path.with_extension("partial");
    docker(["save", "--output"])
        .args([partial.as_os_str()])
        .args(names)
        .limit(BUILD_LIMIT)
        .done()
        .doing("save the images of the stack")?;
    fs::rename(&partial, &path).at("write", &path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_follow_content() {
        let folder = tempfile::tempdir().unwrap();
        let hash = |folder: &Path| {
            let mut hash = Sha256::new();
            hash_folder(folder, folder, &mut hash).unwrap();
            shortened(hash)
        };
        fs::write(folder.path().join("a"), "1").unwrap();
        let first = hash(folder.path());
        assert_eq!(first, hash(folder.path()));
        assert_eq!(first.len(), 12);
        fs::write(folder.path().join("a"), "2").unwrap();
        assert_ne!(first, hash(folder.path()));
    }

    #[test]
    fn services_of_one_folder_get_tags_of_their_own() {
        let register = recipe("register", "standin", "base").unwrap();
        let dns = recipe("dns", "standin", "base").unwrap();
        assert_eq!(register.folder, dns.folder);
        assert_ne!(register.tag, dns.tag);
    }
}
