//! Writes what libFuzzer begins with: `cargo run -p regmig-fuzz --example seeds -- FOLDER`.

use std::error::Error;
use std::path::PathBuf;

use regmig_fuzz::TARGETS;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).map(PathBuf::from);
    let folder = folder.ok_or("expected the folder to write to")?;
    for target in TARGETS {
        let own = folder.join(target.name);
        std::fs::create_dir_all(&own)?;
        for (index, seed) in (target.seeds)().iter().enumerate() {
            std::fs::write(own.join(index.to_string()), seed)?;
        }
    }
    Ok(())
}
