//! Archives, manifests and ids, as anybody may have made them.

mod archives;
mod ids;
mod loading;
mod make;
mod manifests;
mod properties;
mod registries;
mod roots;
