//! The values that decided, in words.

use std::fmt::Write as _;

use super::eval::Scene;
use crate::nouns::Attribute;
use crate::policy::{Attr, Cond, ItemFlag, ItemList, Leaf, List, Num, Subject, Text};

/// Values named at most; a longer list hides its point.
const MAX_VALUES: usize = 6;
/// Entries of a list named at most.
const MAX_ENTRIES: usize = 8;

/// What the conditions read, with its values: "item.price is 3.49, user.region is GB-ENG".
pub(super) fn values<'a>(parts: impl Iterator<Item = &'a Cond>, scene: &Scene<'_, 'a>) -> String {
    let mut said: Vec<String> = Vec::new();
    for part in parts {
        part.leaves(&mut |leaf| {
            if let Some(value) = value(&leaf, scene)
                && said.len() < MAX_VALUES
                && !said.contains(&value)
            {
                said.push(value);
            }
        });
    }
    if said.is_empty() { "it holds for every item".into() } else { said.join(", ") }
}

fn value<'a>(leaf: &Leaf<'a>, scene: &Scene<'_, 'a>) -> Option<String> {
    Some(match *leaf {
        Leaf::Num(Num::Const(_)) | Leaf::Text(Text::Const(_)) | Leaf::List(List::Const(_)) => return None,
        Leaf::Num(Num::Item(Subject::Each, _)) | Leaf::Text(Text::Item(Subject::Each, _)) => return None,
        Leaf::Num(num) => match scene.number(num) {
            Ok(value) => format!("{} is {value}", num.name()?),
            Err(lack) => lack.words().into_owned(),
        },
        Leaf::Text(text) => match scene.text(text) {
            Ok(value) => format!("{} is {value}", text.name()?),
            Err(lack) => lack.words().into_owned(),
        },
        Leaf::List(list) => list_value(list, scene)?,
        Leaf::Flag(flag) => flag_value(flag, scene)?,
        Leaf::Presence(attr) => attr_value(attr, scene)?,
    })
}

fn list_value<'a>(list: &'a List, scene: &Scene<'_, 'a>) -> Option<String> {
    let name = match list {
        List::Item(Subject::Item, ItemList::Categories) => "item.categories".to_owned(),
        List::Item(Subject::Item, ItemList::Tags) => "item.tags".to_owned(),
        List::Ask(list) => list.name().to_owned(),
        List::Attr(attr) => attr.name(),
        List::Item(Subject::Each, _) | List::Const(_) => return None,
    };
    let mut entries = Vec::new();
    let known = scene.each_text(list, &mut |entry| {
        entries.push(entry.to_owned());
        entries.len() >= MAX_ENTRIES
    });
    Some(match known {
        Err(lack) if entries.is_empty() => lack.words().into_owned(),
        Err(lack) => format!("{name} are {}, and {}", entries.join(", "), lack.words()),
        Ok(()) if entries.is_empty() => format!("{name} are none"),
        Ok(()) => format!("{name} are {}", entries.join(", ")),
    })
}

fn flag_value<'a>(flag: &'a ItemFlag, scene: &Scene<'_, 'a>) -> Option<String> {
    let name = match flag {
        ItemFlag::Available(Subject::Item) => "item.available",
        ItemFlag::Consumable(Subject::Item) => "item.consumable",
        ItemFlag::UserKnown => "user.known",
        ItemFlag::Attr(attr) => return attr_value(attr, scene),
        ItemFlag::Available(_) | ItemFlag::Consumable(_) => return None,
    };
    Some(match scene.flag(flag) {
        Ok(value) => format!("{name} is {value}"),
        Err(lack) => lack.words().into_owned(),
    })
}

fn attr_value<'a>(attr: &'a Attr, scene: &Scene<'_, 'a>) -> Option<String> {
    let name = attr.name();
    match scene.find(attr) {
        Ok(None) => Some(format!("{name} is unknown")),
        Ok(Some(value)) => {
            let mut text = format!("{name} is ");
            // Writing to a String cannot fail.
            let _ = match value {
                Attribute::Flag(flag) => write!(text, "{flag}"),
                Attribute::Number(number) => write!(text, "{number}"),
                Attribute::Text(value) => write!(text, "{value}"),
                Attribute::Texts(values) => write!(text, "{}", values.join(", ")),
            };
            Some(text)
        }
        Err(_) => None,
    }
}
