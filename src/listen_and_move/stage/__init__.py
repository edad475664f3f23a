"""Live play that is controlled from outside: OSC, MIDI and cues."""
