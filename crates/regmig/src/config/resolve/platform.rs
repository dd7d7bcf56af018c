//! `[platform]`: the domain, the profile and the strategy.

use regmig_procedure::profile::Profile;
use regmig_procedure::spec::Strategy;

use crate::config::notes::Flaw;
use crate::config::section::{At, Found, Section};
use crate::config::shown::quoted;
use crate::config::unknown::nearest;
use crate::config::values;

/// What could be read of the section.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) domain: Option<String>,
    pub(super) profile: Option<Profile>,
    pub(super) strategy: Option<Strategy>,
    /// The register's public name.
    pub(super) public_name: Option<String>,
}

/// Reads the section.
pub(super) fn read(section: &Section<'_>) -> Read {
    let domain = section.text("domain", values::domain_name);
    let profile = section.text("profile", profile);
    let (domain, profile) = if section.exists() {
        (
            section.need("domain", domain),
            section.need("profile", profile),
        )
    } else {
        (None, None)
    };
    let domain = domain.map(|domain| domain.value);
    let profile = profile.map(|profile| profile.value);
    let public_name = section.text("public_name", values::domain_name);
    let public_name = match (&domain, profile) {
        (Some(domain), Some(profile)) => public(section, public_name, domain, profile),
        _ => None,
    };
    let strategy = section
        .text("strategy", strategy)
        .or(Strategy::Live)
        .map(|found| found.value);
    Read {
        domain,
        profile,
        strategy,
        public_name,
    }
}

fn public(
    section: &Section<'_>,
    found: Found<String>,
    domain: &str,
    profile: Profile,
) -> Option<String> {
    let default = profile
        .defaults()
        .public_label
        .map(|label| format!("{label}.{domain}"));
    let At { value, at } = section.need("public_name", found.or_maybe(default))?;
    if value != domain && !value.ends_with(&format!(".{domain}")) {
        let what = format!("is not within the domain {domain}");
        let advice = "name the register as clients know it, or correct `domain`";
        section.flawed("public_name", at, &quoted(&value), Flaw::new(what, advice));
        return None;
    }
    Some(value)
}

fn profile(text: &str) -> Result<Profile, Flaw> {
    Profile::from_name(text).ok_or_else(|| {
        let names = Profile::ALL.map(Profile::as_str);
        let advice = nearest(text, &names).map(|near| format!("did you mean \"{near}\"?"));
        Flaw::new("is not a profile", advice.unwrap_or_default())
    })
}

fn strategy(text: &str) -> Result<Strategy, Flaw> {
    match text {
        "copy" => Ok(Strategy::Copy),
        "live" => Ok(Strategy::Live),
        _ => Err(Flaw::new(
            "is not a strategy",
            "write \"live\" or \"copy\", or leave the key out",
        )),
    }
}
