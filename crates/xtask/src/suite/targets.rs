//! Which tests need the lab: those that say so in their package's manifest.

use serde::Deserialize;

use crate::workspace::cargo;

use super::SuiteError;

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    targets: Vec<Target>,
}

#[derive(Debug, Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    #[serde(default, rename = "required-features")]
    required_features: Vec<String>,
}

/// The names of a package's test targets that require a feature, in the order of the manifest.
pub(super) fn of(package: &'static str, feature: &str) -> Result<Vec<String>, SuiteError> {
    let text = cargo("metadata")
        .args(["--no-deps", "--format-version", "1"])
        .text()?;
    requiring(&text, package, feature)
}

fn requiring(
    metadata: &str,
    package: &'static str,
    feature: &str,
) -> Result<Vec<String>, SuiteError> {
    let nonsense = |source| SuiteError::Metadata { package, source };
    let metadata: Metadata =
        serde_json::from_str(metadata).map_err(|error| nonsense(Some(error)))?;
    let mut packages = metadata.packages.into_iter();
    let found = packages
        .find(|found| found.name == package)
        .ok_or_else(|| nonsense(None))?;
    let is_test = |target: &Target| target.kind.iter().any(|kind| kind == "test");
    let requires = |target: &Target| target.required_features.iter().any(|it| it == feature);
    Ok(found
        .targets
        .into_iter()
        .filter(|target| is_test(target) && requires(target))
        .map(|target| target.name)
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{"packages": [
        {"name": "other", "targets": [{"name": "x", "kind": ["test"], "required-features": ["lab"]}]},
        {"name": "ours", "targets": [
            {"name": "ours", "kind": ["lib"]},
            {"name": "plain", "kind": ["test"]},
            {"name": "kills", "kind": ["test"], "required-features": ["lab"]},
            {"name": "tool", "kind": ["bin"], "required-features": ["lab"]}]}]}"#;

    #[test]
    fn only_tests_of_the_package_that_require_the_feature() {
        assert_eq!(requiring(METADATA, "ours", "lab").unwrap(), ["kills"]);
    }

    #[test]
    fn what_is_no_metadata_is_refused() {
        assert!(requiring("{}", "ours", "lab").is_err());
        assert!(requiring(METADATA, "absent", "lab").is_err());
    }
}
