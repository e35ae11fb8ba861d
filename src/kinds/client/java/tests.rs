use super::*;

#[test]
fn what_dpkg_was_at_last_counts() {
    let records = "Package: a\nStatus: install ok installed\n--\nPackage: b\n\
                   Status: install ok half-configured\n--\nPackage: c\n\
                   Status: deinstall ok config-files\n--\nPackage: a\n\
                   Status: install ok unpacked\n--\nPackage: b\nStatus: install ok installed\n";
    let one = Unfinished {
        package: "a".into(),
        state: "unpacked".into(),
    };
    assert_eq!(unfinished(records), [one]);
    assert_eq!(unfinished(""), []);
    assert_eq!(unfinished("Package: a"), []);
}

#[test]
fn versions_are_compared_by_the_components_given() {
    for (wanted, found) in [
        ("8", "1.8.0_504"),
        ("1.8.0", "1.8.0_504"),
        ("1.8", "1.8.0.504.b08"),
        ("1.8.0", "8u504-ga-1"),
        ("1.8.0", "1:8u504-ga-1"),
        ("17", "17.0.15"),
        ("17.0", "17.0.15+6-1~deb12u1"),
        ("21", "21"),
    ] {
        assert!(matches(wanted, found), "{wanted} {found}");
    }
    for (wanted, found) in [
        ("8", "17.0.1"),
        ("1.8.0", "11.0.2"),
        ("17.0.2", "17.0.15"),
        ("1", "17"),
        ("", "17"),
        ("x", "17"),
    ] {
        assert!(!matches(wanted, found), "{wanted} {found}");
    }
}
