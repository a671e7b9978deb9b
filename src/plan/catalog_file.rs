//! The catalog file.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::catalog::{Bucket, Catalog, Collection, CollectionSource, SourceKind, UniqueKey};
use crate::error::{Code, Diagnostic, Error, Place, excerpt};
use crate::file::{self, span_of};
use crate::parse::Parser;
use crate::path::Path;
use crate::schema::Schema;

/// A source as a file has it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SourceFile {
    #[serde(rename = "type")]
    kind: SourceKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bucket_ids: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    collection_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    collection_ids: Option<Vec<String>>,
}

impl TryFrom<SourceFile> for CollectionSource {
    type Error = &'static str;

    fn try_from(file: SourceFile) -> Result<CollectionSource, &'static str> {
        match (file.kind, file.bucket_ids, file.collection_id, file.collection_ids) {
            (SourceKind::Bucket, Some(buckets), None, None) => Ok(CollectionSource::Buckets(buckets)),
            (SourceKind::Bucket, ..) => Err("a source of the type `bucket` has `bucket_ids`, and nothing else"),
            (SourceKind::Collection, None, Some(one), None) => Ok(CollectionSource::Collections(vec![one])),
            (SourceKind::Collection, None, None, Some(many)) => Ok(CollectionSource::Collections(many)),
            (SourceKind::Collection, ..) => {
                Err("a source of the type `collection` has `collection_id` or `collection_ids`, and nothing else")
            }
        }
    }
}

impl From<CollectionSource> for SourceFile {
    fn from(source: CollectionSource) -> SourceFile {
        let kind = source.kind();
        let (bucket_ids, collection_ids) = match source {
            CollectionSource::Buckets(ids) => (Some(ids), None),
            CollectionSource::Collections(ids) => (None, Some(ids)),
        };
        SourceFile { kind, bucket_ids, collection_id: None, collection_ids }
    }
}

/// The catalog file: buckets and collections as they are written, what they name not looked up yet.
///
/// ```
/// use trommel::plan::CatalogFile;
///
/// let file = CatalogFile::from_json(r#"{
///     "buckets": [{"bucket_id": "bkt_a", "name": "photos", "unique_key": {"fields": ["sku"]}}],
///     "collections": [{"collection_id": "col_a", "name": "frames", "source": {"type": "bucket", "bucket_ids": ["photos"]}}]
/// }"#)?;
/// let catalog = file.into_catalog("ns_demo")?;
/// assert_eq!(catalog.collection("frames")?.collection_id, "col_a");
/// # Ok::<(), trommel::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct CatalogFile {
    /// The buckets.
    pub buckets: Vec<Bucket>,
    /// The collections.
    pub collections: Vec<Collection>,
}

/// The same with the paths and filters as text, so that their mistakes keep their places.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile<'t> {
    #[serde(default, borrow, deserialize_with = "file::objects")]
    buckets: Vec<RawBucket<'t>>,
    #[serde(default, borrow, deserialize_with = "file::objects")]
    collections: Vec<RawCollection<'t>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBucket<'t> {
    bucket_id: String,
    #[serde(default)]
    name: String,
    #[serde(default, borrow, deserialize_with = "file::optional_object")]
    unique_key: Option<RawKey<'t>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawKey<'t> {
    #[serde(borrow)]
    fields: Vec<&'t RawValue>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawCollection<'t> {
    collection_id: String,
    #[serde(default)]
    name: String,
    #[serde(default = "yes")]
    enabled: bool,
    #[serde(deserialize_with = "file::object")]
    source: CollectionSource,
    #[serde(default, borrow)]
    source_filters: Option<&'t RawValue>,
}

fn yes() -> bool {
    true
}

impl CatalogFile {
    /// Reads a catalog file. Unknown keys are errors with their place; so is every mistake in a path or a filter.
    ///
    /// # Errors
    /// `syntax`, `unknown_key`, `missing_value`, `duplicate_key`, `bad_path`, and those of a filter.
    pub fn from_json(text: &str) -> Result<CatalogFile, Error> {
        let raw: RawFile<'_> = file::read(text)?;
        let buckets = raw.buckets.into_iter().enumerate().map(|(at, raw)| raw.read(text, at));
        let collections = raw.collections.into_iter().enumerate().map(|(at, raw)| raw.read(text, at));
        Ok(CatalogFile {
            buckets: buckets.collect::<Result<_, _>>()?,
            collections: collections.collect::<Result<_, _>>()?,
        })
    }

    /// The catalog of a namespace that has this alone, at revision 0.
    ///
    /// # Errors
    /// Those of [`Catalog::new`].
    pub fn into_catalog(self, namespace_id: impl Into<String>) -> Result<Catalog, Error> {
        Catalog::new(namespace_id, 0, self)
    }
}

impl RawBucket<'_> {
    fn read(self, text: &str, at: usize) -> Result<Bucket, Error> {
        let unique_key = self.unique_key.map(|key| {
            let fields = key.fields.iter().enumerate().map(|(n, field)| {
                let mistake = |code, message: String| {
                    let pointer = Some(format!("/buckets/{at}/unique_key/fields/{n}"));
                    let place = Place { pointer, span: Some(span_of(text, field)) };
                    Error::from(Diagnostic::error(code, message).at(place))
                };
                let written: String = serde_json::from_str(field.get()).map_err(|_| {
                    mistake(Code::Syntax, "a field of a unique key is a path, which is a string".to_owned())
                })?;
                Path::parse(&written)
                    .map_err(|error| mistake(Code::BadPath, format!("`{}`: {error}", excerpt(&written))))
            });
            Ok::<_, Error>(UniqueKey { fields: fields.collect::<Result<_, _>>()? })
        });
        let name = or_id(self.name, &self.bucket_id);
        Ok(Bucket { bucket_id: self.bucket_id, name, unique_key: unique_key.transpose()? })
    }
}

impl RawCollection<'_> {
    fn read(self, text: &str, at: usize) -> Result<Collection, Error> {
        let source_filters = self.source_filters.map(|filter| {
            let (span, pointer) = (span_of(text, filter), format!("/collections/{at}/source_filters"));
            let read = Schema::open().parse_json(&Parser::new(), filter.get());
            let read = read.map_err(|error| error.below(&pointer).after(span.start))?;
            if read.is_dynamic() {
                let message = "the filter of a collection has a dynamic value, and nobody to bind it";
                let place = Place { pointer: Some(pointer), span: Some(span) };
                return Err(Error::from(Diagnostic::error(Code::Unbound, message).at(place)));
            }
            Ok(read)
        });
        Ok(Collection {
            name: or_id(self.name, &self.collection_id),
            collection_id: self.collection_id,
            enabled: self.enabled,
            source: self.source,
            source_filters: source_filters.transpose()?,
        })
    }
}

fn or_id(name: String, id: &str) -> String {
    if name.is_empty() { id.to_owned() } else { name }
}
