"""A browser's long name for itself, in two words."""

# The first that is in the name counts: Edge says that it is Chrome, and Chrome that it is Safari.
_PROGRAMS = {
    "MicroMessenger": "WeChat",
    "Edg": "Edge",
    "OPR/": "Opera",
    "Firefox/": "Firefox",
    "Chrome/": "Chrome",
    "Safari/": "Safari",
}
_SYSTEMS = {
    "Windows": "Windows",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


def describe_agent(agent: str) -> str:
    """Such as "Chrome, Windows"; as much of AGENT as fits where it is none that we know."""
    words = [
        next((name for mark, name in names.items() if mark in agent), "")
        for names in (_PROGRAMS, _SYSTEMS)
    ]
    return ", ".join(filter(None, words)) or agent[:40] or "–"
