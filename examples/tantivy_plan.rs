//! A trigger call planned over a search index: `cargo run --example tantivy_plan --features tantivy`.

use trommel::plan::{Catalog, CatalogFile, Count, Counted, Source, SourceRef, TriggerRequest, plan};
use trommel::tantivy::query::{BooleanQuery, Occur, Query, TermQuery};
use trommel::tantivy::schema::{Field, IndexRecordOption, STRING, SchemaBuilder};
use trommel::tantivy::{Index, IndexWriter, Searcher, TantivyError, Term};
use trommel::{Explain, Predicate, Tantivy, TantivyMapping, lower};

/// The objects of all buckets in one index: the bucket's id stands in a field beside ours.
struct Objects {
    backend: Tantivy,
    bucket: Field,
    searcher: Searcher,
}

impl Source for Objects {
    type Error = TantivyError;

    fn count(&self, source: SourceRef<'_>, predicate: &Predicate) -> Result<Counted, TantivyError> {
        let filter = match lower(&self.backend, predicate) {
            Ok(lowered) => self.backend.query(&lowered),
            Err(never) => match never {},
        };
        let of_bucket = TermQuery::new(Term::from_field_text(self.bucket, source.id()), IndexRecordOption::Basic);
        let clauses: Vec<(Occur, Box<dyn Query>)> =
            vec![(Occur::Must, Box::new(of_bucket)), (Occur::Must, Box::new(filter.clone()))];
        let count = BooleanQuery::new(clauses).count(&self.searcher)?;
        match filter.failure() {
            Some(error) => Err(error),
            None => Ok(Counted { count: Count::Exact(count as u64), reason: None, revision: None }),
        }
    }

    fn explain(&self, predicate: &Predicate) -> Option<Explain> {
        lower(&self.backend, predicate).ok().map(|lowered| lowered.explain())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mapping = TantivyMapping::new().id("object_id")?;
    let mut fields = SchemaBuilder::default();
    mapping.add_fields(&mut fields);
    let bucket = fields.add_text_field("bucket", STRING);
    let index = Index::create_in_ram(fields.build());
    let backend = Tantivy::new(&mapping, &index.schema())?;
    let mut writer: IndexWriter = index.writer(30_000_000)?;
    for at in 0..1_000 {
        let object = format!(r#"{{"object_id": "o{at}", "size": {}, "kind": "{}"}}"#, at % 100, ["png", "gif"][at % 2]);
        let mut document = backend.read(&object)?;
        document.add_text(bucket, ["bkt_photos", "bkt_scans"][at / 700]);
        writer.add_document(document)?;
    }
    writer.commit()?;
    let searcher = index.reader()?.searcher();

    let catalog = CatalogFile::from_json(
        r#"{"buckets": [{"bucket_id": "bkt_photos", "name": "photos"}, {"bucket_id": "bkt_scans", "name": "scans"}],
            "collections": [{"collection_id": "col_frames", "name": "frames",
                             "source": {"type": "bucket", "bucket_ids": ["bkt_photos", "bkt_scans"]}}]}"#,
    )?;
    let catalog = Catalog::new("shop", 1, catalog)?;
    let request = TriggerRequest::from_json(
        r#"{"source_filters": {"AND": [{"kind": "png"}, {"field": "size", "operator": "gte", "value": 50}]}}"#,
    )?;
    let plan = plan("frames", &request, &catalog, &Objects { backend, bucket, searcher })?;
    println!("{plan}");
    Ok(())
}
