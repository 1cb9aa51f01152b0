"""Dashboards, rules, routing and provisioning for a configuration, as files to commit.

``assets`` finds what is shipped, ``contents`` fills in the configuration's models, teams and addresses,
``files`` writes it beside what was edited by hand, ``grafana`` imports the dashboards.
"""
