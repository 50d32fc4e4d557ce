"""The parts of the Chatbot."""
