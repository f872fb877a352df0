import re

from openoutcry.assembly.settings import load_settings
from openoutcry.monitoring.catalogue import CATALOGUE, LATENCY_NAME

FILES = ("deploy/prometheus/rules/openoutcry.yml", "deploy/prometheus/tests/openoutcry.yml")


def test_the_configuration_and_its_rules_are_valid(root, promtool):
    result = promtool("check", "config", root / "deploy/prometheus/prometheus.yml")
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_alert_fires_when_it_should_and_not_before(root, promtool):
    result = promtool("test", "rules", root / FILES[1])
    assert result.returncode == 0, result.stdout + result.stderr


def test_the_unit_tests_would_notice_a_changed_threshold(root, promtool, tmp_path):
    rules, tests = ((root / name).read_text() for name in FILES)
    (tmp_path / "rules.yml").write_text(
        rules.replace("openoutcry_mailbox_messages > 200", "openoutcry_mailbox_messages > 2")
    )
    (tmp_path / "tests.yml").write_text(tests.replace("../rules/openoutcry.yml", "rules.yml"))
    assert promtool("test", "rules", tmp_path / "tests.yml").returncode == 1


def test_every_alert_has_a_test(root):
    rules, tests = ((root / name).read_text() for name in FILES)
    alerts = re.findall(r"- alert: (\w+)", rules)
    assert len(alerts) == len(set(alerts)) > 10
    assert re.findall(r"- name: (\w+)", tests) == alerts


def test_every_alert_uses_metrics_of_the_catalogue(root):
    known = {metric.name for metric in CATALOGUE} | {f"{LATENCY_NAME}_bucket"}
    for expression in re.findall(r"expr: (.*)", (root / FILES[0]).read_text()):
        used = set(re.findall(r"openoutcry_\w+", expression))
        assert used <= known, expression
        assert used or 'up{job="openoutcry"}' in expression


def test_every_alert_says_how_bad_it_is_and_what_to_do(root):
    for block in (root / FILES[0]).read_text().split("- alert: ")[1:]:
        assert re.search(r"severity: (critical|warning) ", block), block
        assert "summary: " in block
        assert "description: " in block


def test_it_scrapes_where_the_paper_settings_listen(root):
    monitoring = load_settings(root / "deploy/config/paper.toml").monitoring
    assert f'"{monitoring.host}:{monitoring.port}"' in (root / "deploy/prometheus/prometheus.yml").read_text()
