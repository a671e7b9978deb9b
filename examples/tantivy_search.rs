//! A user's words, scored by BM25, within what a filter lets through: `cargo run --example tantivy_search --features tantivy`.

use trommel::tantivy::collector::TopDocs;
use trommel::tantivy::query::{BooleanQuery, Occur, QueryParser};
use trommel::tantivy::schema::{SchemaBuilder, TEXT, Value as _};
use trommel::tantivy::{Index, IndexWriter, TantivyDocument};
use trommel::{Field, Schema, Tantivy, TantivyMapping, Type, lower, parse};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mapping = TantivyMapping::new().id("id")?;
    let mut fields = SchemaBuilder::default();
    mapping.add_fields(&mut fields);
    let body = fields.add_text_field("body", TEXT);
    let index = Index::create_in_ram(fields.build());
    let backend = Tantivy::new(&mapping, &index.schema())?;

    let mut writer: IndexWriter = index.writer(30_000_000)?;
    for (record, text) in [
        (r#"{"id": "a", "price": 12.50, "tags": ["garden"]}"#, "A sieve for garden soil, a sieve that turns"),
        (r#"{"id": "b", "price": 250, "tags": ["mining", "sold out"]}"#, "A trommel: the sieve of gold miners"),
        (r#"{"id": "c", "price": 99, "tags": ["mining"]}"#, "A pan, for who has no sieve"),
        (r#"{"id": "d", "tags": ["mining"]}"#, "A shovel"),
    ] {
        let mut document = backend.read(record)?;
        document.add_text(body, text);
        writer.add_document(document)?;
    }
    writer.commit()?;

    // What an operator of the shop lets everybody see, and what one user looks for.
    let schema = Schema::new([Field::new("price", Type::Number), Field::new("tags", Type::String)])?.closed();
    let filter =
        parse::json(r#"{"AND": [{"field": "price", "operator": "lt", "value": 100}], "NOT": [{"tags": "sold out"}]}"#)?;
    let filter = backend.query(&lower(&backend, &schema.check(&filter)?)?);
    let words = QueryParser::for_index(&index, vec![body]).parse_query("sieve")?;
    let both = BooleanQuery::new(vec![(Occur::Must, words), (Occur::Must, Box::new(filter.clone()))]);

    let searcher = index.reader()?.searcher();
    for (score, address) in searcher.search(&both, &TopDocs::with_limit(10).order_by_score())? {
        let found: TantivyDocument = searcher.doc(address)?;
        let id = backend.id_field().and_then(|id| found.get_first(id));
        let id = id.as_ref().and_then(|id| id.as_str()).ok_or("a document without its id")?;
        println!("{score:.3}  {id}");
    }
    // A document that could not be read for a recheck is no answer.
    filter.failure().map_or(Ok(()), |error| Err(error.into()))
}
