"""The set-up guide: from the demo to the real platform, as steps that tick themselves."""
