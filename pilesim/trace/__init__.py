"""What happened, in order: events, the recorder, capture files. Must not know who produced them."""
