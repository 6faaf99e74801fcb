"""What the platforms allow and show, as dated data: one file per company.

`postopt.quality.platform` looks them up and checks texts against them.
"""
