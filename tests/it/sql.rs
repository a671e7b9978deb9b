//! SQL on real databases: the suite in every storage, hostile words, plans, and the forms themselves.

mod agree;
mod foreign;
mod forms;
mod hostile;
mod mapping;
mod plans;
mod store;
mod suite;
