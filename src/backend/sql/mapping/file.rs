//! The mapping as a JSON file.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{Column, JoinTable, Mapping};
use crate::error::Error;
use crate::file;
use crate::path::Path;
use crate::schema::Type;

impl Mapping {
    /// Reads a mapping file. Unknown keys and types are errors with their place.
    ///
    /// # Errors
    /// `syntax`, `unknown_key`, `missing_value`, `duplicate_key`, `bad_path` and `usage`, as of [`Mapping::column`].
    pub fn from_json(text: &str) -> Result<Mapping, Error> {
        file::read::<MappingFile>(text)?.try_into()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct MappingFile {
    table: String,
    id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    json: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    json_valid: bool,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "file::unique_objects")]
    columns: BTreeMap<String, ColumnFile>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty", deserialize_with = "file::unique_objects")]
    generated: BTreeMap<String, GeneratedFile>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    indexed: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ColumnFile {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    table: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    column: String,
    #[serde(rename = "type")]
    ty: Type,
    #[serde(default, skip_serializing_if = "is_missing")]
    null: Null,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    collation: Option<Collation>,
    #[serde(default, skip_serializing_if = "is_false")]
    folded_index: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    length: Option<u32>,
}

#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Null {
    #[default]
    Missing,
    Null,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Collation {
    Binary,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct GeneratedFile {
    column: String,
    #[serde(rename = "type")]
    ty: Type,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    collation: Option<Collation>,
    #[serde(default, skip_serializing_if = "is_false")]
    exact: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
fn is_false(flag: &bool) -> bool {
    !flag
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
fn is_missing(null: &Null) -> bool {
    *null == Null::Missing
}

impl TryFrom<MappingFile> for Mapping {
    type Error = Error;

    fn try_from(file: MappingFile) -> Result<Mapping, Error> {
        let mut mapping = Mapping::new(file.table, file.id)?;
        if let Some(json) = file.json {
            mapping = mapping.json(json)?;
        }
        mapping.json_valid = file.json_valid;
        for (path, column) in file.columns {
            let join = match (column.table, column.key) {
                (None, None) => None,
                (Some(table), Some(key)) => Some(JoinTable { table, key }),
                (Some(_), None) => return Err(half(&path, "a `table` but no `key`")),
                (None, Some(_)) => return Err(half(&path, "a `key` but no `table`")),
            };
            let column = Column {
                join,
                column: column.column,
                ty: column.ty,
                null_is_null: column.null == Null::Null,
                is_binary: column.collation.is_some(),
                has_folded_index: column.folded_index,
                is_exact: false,
                length: column.length,
            };
            mapping = mapping.column(&path, column)?;
        }
        for (path, generated) in file.generated {
            let column = Column {
                is_binary: generated.collation.is_some(),
                is_exact: generated.exact,
                ..Column::new(generated.column, generated.ty)
            };
            mapping = mapping.generated_column(&path, column)?;
        }
        for path in file.indexed {
            mapping = mapping.indexed(&path)?;
        }
        Ok(mapping)
    }
}

fn half(path: &str, what: &str) -> Error {
    super::wrong(format!("the mapping of `{}` has {what}", crate::error::excerpt(path)))
}

impl Serialize for Mapping {
    /// The mapping file.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let column = |column: &Column| ColumnFile {
            table: column.join.as_ref().map(|join| join.table.clone()),
            key: column.join.as_ref().map(|join| join.key.clone()),
            column: column.column.clone(),
            ty: column.ty,
            null: if column.null_is_null { Null::Null } else { Null::Missing },
            collation: column.is_binary.then_some(Collation::Binary),
            folded_index: column.has_folded_index,
            length: column.length,
        };
        let generated = |column: &Column| GeneratedFile {
            column: column.column.clone(),
            ty: column.ty,
            collation: column.is_binary.then_some(Collation::Binary),
            exact: column.is_exact,
        };
        MappingFile {
            table: self.table.clone(),
            id: self.id.clone(),
            json: self.json.clone(),
            json_valid: self.json_valid,
            columns: self.columns.iter().map(|(path, mapped)| (path.to_string(), column(mapped))).collect(),
            generated: self.generated.iter().map(|(path, mapped)| (path.to_string(), generated(mapped))).collect(),
            indexed: self.indexed.iter().map(Path::to_string).collect(),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Mapping {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Mapping, D::Error> {
        MappingFile::deserialize(deserializer)?.try_into().map_err(de::Error::custom)
    }
}
