//! How large the duty is in England and Wales. Public figures, rounded where they change from year to
//! year; nothing here names a body.

/// Local government areas of the Act (s.11(4)): districts, unitary councils' areas, London boroughs,
/// the City of London and the Isles of Scilly, and Wales's counties and county boroughs (Office for
/// National Statistics, local authority districts, April 2024).
pub const AREAS: u32 = 318;
/// Of them, in Wales.
pub const AREAS_IN_WALES: u32 = 22;
/// Territorial police forces, each with one chief officer and one local policing body (Office for
/// National Statistics, police force areas).
pub const FORCES: u32 = 43;
/// Integrated care boards in England (NHS England, 2022).
pub const INTEGRATED_CARE_BOARDS: u32 = 42;
/// Local health boards in Wales (NHS Wales).
pub const LOCAL_HEALTH_BOARDS: u32 = 7;
/// Fire and rescue authorities (Home Office and Welsh Government; 44 in England, 3 in Wales).
pub const FIRE_AUTHORITIES: u32 = 47;
/// Regions of the Probation Service (Ministry of Justice, 2021).
pub const PROBATION_REGIONS: u32 = 12;
/// Youth offending teams, or youth justice services (Youth Justice Board, some 155).
pub const YOUTH_OFFENDING_TEAMS: u32 = 155;
/// Schools and colleges to be consulted (Department for Education, Welsh Government; some 24,000
/// state-funded schools).
pub const SCHOOLS: u32 = 24_000;
/// The most schools one partnership consults at once: a large county's.
pub const SCHOOLS_OF_AN_AREA_MAX: u32 = 600;
/// Prisons (HM Prison and Probation Service, some 120).
pub const PRISONS: u32 = 120;
/// Young offender institutions, secure training centres, secure schools and secure children's homes
/// (Youth Custody Service, some 20).
pub const YOUTH_CUSTODY: u32 = 20;
/// Community safety partnerships (some 314): a few span two areas.
pub const PARTNERSHIPS: u32 = 314;
