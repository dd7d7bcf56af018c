//! Images that are present on the machine.

use bollard::query_parameters::ListImagesOptions;
use regmig_core::port::PortError;
use serde::{Deserialize, Serialize};

use crate::docker::Docker;
use crate::error::{DockerError, status};

/// An image that is present on the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// `sha256:` and digits.
    pub id: String,
    /// Names with tags.
    pub tags: Vec<String>,
    /// Names with digests, where it came from a registry.
    pub digests: Vec<String>,
    /// Bytes on disk.
    pub size: i64,
}

impl Docker {
    /// Every image.
    ///
    /// # Errors
    ///
    /// `NotSent` when Docker cannot be reached, `Refused` when it will not say.
    pub async fn images(&self) -> Result<Vec<Image>, PortError> {
        let listed = self
            .ask("list the images", |client| async move {
                client.list_images(None::<ListImagesOptions>).await
            })
            .await?;
        let image = |found: bollard::models::ImageSummary| Image {
            id: found.id,
            tags: found.repo_tags,
            digests: found.repo_digests,
            size: found.size,
        };
        Ok(listed.into_iter().map(image).collect())
    }

    /// One image, by name and tag or by identifier.
    ///
    /// # Errors
    ///
    /// As [`images`](Self::images).
    pub async fn image(&self, reference: &str) -> Result<Option<Image>, PortError> {
        let doing = format!("look for the image {reference}");
        let plain = |b: u8| {
            b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'/' | b':' | b'@')
        };
        if reference.is_empty() || reference.contains("..") || !reference.bytes().all(plain) {
            return Err(PortError::not_sent(
                self.what(&doing),
                DockerError::Name {
                    name: reference.to_owned(),
                },
            ));
        }
        match self
            .ask(&doing, |client| async move {
                client.inspect_image(reference).await
            })
            .await
        {
            Ok(found) => Ok(Some(Image {
                id: found.id.unwrap_or_default(),
                tags: found.repo_tags.unwrap_or_default(),
                digests: found.repo_digests.unwrap_or_default(),
                size: found.size.unwrap_or_default(),
            })),
            Err(error) if status(&error) == Some(404) => Ok(None),
            Err(error) => Err(error),
        }
    }
}
