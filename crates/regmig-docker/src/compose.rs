//! Which compose a machine has, from what its programs say of themselves.

use serde::{Deserialize, Serialize};

/// A compose program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compose {
    /// The words by which it is called: `docker compose` or `docker-compose`.
    pub argv: Vec<String>,
    /// Such as `1.29.2` or `2.24.5`.
    pub version: String,
    /// The first number of the version.
    pub major: u32,
}

/// Chooses between the outputs of `docker compose version` and `docker-compose version`; nothing where neither is one.
///
/// The plugin comes first, being the newer one where both are there. An output that is no version, such as the help text
/// that a Docker CLI without the plugin prints, counts as absent.
pub fn detect(plugin: &str, program: &str) -> Option<Compose> {
    let plugin =
        version(plugin).map(|found| (vec!["docker".to_owned(), "compose".to_owned()], found));
    let program = version(program).map(|found| (vec!["docker-compose".to_owned()], found));
    let (argv, version) = plugin.or(program)?;
    let major = version.split('.').next()?.parse().ok()?;
    Some(Compose {
        argv,
        version,
        major,
    })
}

/// The version in the first line that speaks of compose.
fn version(output: &str) -> Option<String> {
    let speaks = |line: &&str| {
        line.to_lowercase().contains("compose") && line.to_lowercase().contains("version")
    };
    let line = output.lines().find(speaks)?;
    let number = |word: &str| {
        let word = word.trim_start_matches('v').trim_end_matches(',');
        let parts = word
            .split('.')
            .take_while(|part| part.starts_with(|c: char| c.is_ascii_digit()))
            .count();
        (parts >= 2).then(|| word.to_owned())
    };
    line.split_whitespace().find_map(number)
}

#[cfg(test)]
mod tests {
    use super::detect;

    #[test]
    fn both_generations_are_told_apart() {
        let first = "docker-compose version 1.29.2, build unknown\ndocker-py version: 5.0.3\n";
        let second = "Docker Compose version v2.24.5\n";
        let found = detect("", first).unwrap();
        assert_eq!(
            (
                found.argv.join(" ").as_str(),
                found.version.as_str(),
                found.major
            ),
            ("docker-compose", "1.29.2", 1)
        );
        let found = detect(second, first).unwrap();
        assert_eq!(
            (
                found.argv.join(" ").as_str(),
                found.version.as_str(),
                found.major
            ),
            ("docker compose", "2.24.5", 2)
        );
        let debian = "Docker Compose version 2.26.1-4\n";
        assert_eq!(detect(debian, "").unwrap().version, "2.26.1-4");
    }

    #[test]
    fn a_help_text_is_no_version() {
        let help = "docker: 'compose' is not a docker command.\nSee 'docker --help'\n";
        assert_eq!(detect(help, "sh: 1: docker-compose: not found\n"), None);
        assert_eq!(detect("", ""), None);
    }
}
