//! The HTTP side over a real ledger, driven without a socket.

#[cfg(test)]
mod calendar;
#[cfg(test)]
mod commands;
#[cfg(test)]
mod common;
#[cfg(test)]
mod explained;
#[cfg(test)]
mod feed;
#[cfg(test)]
mod imports;
#[cfg(test)]
mod marks;
#[cfg(test)]
mod obligations;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod overtaken;
#[cfg(test)]
mod part;
#[cfg(test)]
mod past;
#[cfg(test)]
mod published;
#[cfg(test)]
mod reads;
#[cfg(test)]
mod serving;
#[cfg(test)]
mod sight;
